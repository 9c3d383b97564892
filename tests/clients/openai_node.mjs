// OpenAI's own client for JavaScript.
import OpenAI from 'openai';
import { badKey, each, key, picture, run, schema, secret, tools, url } from './cases.mjs';

const client = new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 });
const functions = tools.map((one) => ({ type: 'function', function: { name: one.name, description: one.description, parameters: one.schema } }));
const flat = tools.map((one) => ({ type: 'function', name: one.name, description: one.description, parameters: one.schema, strict: true }));
const asked = (content) => [{ role: 'system', content: 'Be brief.' }, { role: 'user', content }];
const chat = (model, content, more = {}) => client.chat.completions.create({ model, messages: asked(content), ...more });
const callsOf = (message) => (message.tool_calls ?? []).map((one) => [one.function.name, JSON.parse(one.function.arguments)]);

await run(each({
  whole: async (model) => {
    const found = await chat(model, 'Say it.', { temperature: 0.5, stop: ['END'] });
    return [found.choices[0].message.content, found.usage.total_tokens];
  },
  stream: async (model) => {
    let text = '';
    let used = 0;
    for await (const one of await chat(model, 'Say it.', { stream: true, stream_options: { include_usage: true } })) {
      text += one.choices[0]?.delta.content ?? '';
      used = one.usage?.total_tokens ?? used;
    }
    return [text, used];
  },
  tools: async (model) => {
    const { message } = (await chat(model, 'TOOLS', { tools: functions })).choices[0];
    const results = message.tool_calls.map((one) => ({ role: 'tool', tool_call_id: one.id, content: 'rain' }));
    const messages = [...asked('TOOLS'), message, ...results, { role: 'user', content: 'And now?' }];
    const then = await client.chat.completions.create({ model, messages, tools: functions });
    return [...callsOf(message), then.choices[0].message.content];
  },
  tools_stream: async (model) => callsOf(await client.chat.completions.stream({ model, messages: asked('TOOLS'), tools: functions }).finalMessage()),
  picture: async (model) => {
    const content = [{ type: 'text', text: 'PICTURE' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${picture}` } }];
    return (await chat(model, content)).choices[0].message.content;
  },
  schema: async (model) => {
    const response_format = { type: 'json_schema', json_schema: { name: 'Place', strict: true, schema } };
    return JSON.parse((await chat(model, 'JSON', { response_format })).choices[0].message.content);
  },
  cancel: async (model) => {
    const events = await chat(model, `SLOW openai-node-${model.split('/')[0]}`, { stream: true });
    for await (const one of events) {
      if (one.choices[0]?.delta.content) {
        events.controller.abort();
        return one.choices[0].delta.content;
      }
    }
  },
  refused: (model) => chat(model, secret),
  busy: (model) => chat(model, 'BUSY'),
  bad_key: (model) => client.withOptions({ apiKey: badKey }).chat.completions.create({ model, messages: asked('Say it.') }),
  responses: async (model) => (await client.responses.create({ model, input: 'Say it.', instructions: 'Be brief.' })).output_text,
  responses_stream: async (model) => {
    const found = await client.responses.stream({ model, input: 'TOOLS', tools: flat }).finalResponse();
    return found.output.filter((one) => one.type === 'function_call').map((one) => [one.name, JSON.parse(one.arguments)]);
  },
}));
