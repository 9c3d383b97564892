// Anthropic's own client for JavaScript.
import Anthropic from '@anthropic-ai/sdk';
import { badKey, each, key, picture, run, schema, secret, tools as given, url } from './cases.mjs';

const client = new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0 });
const tools = given.map((one) => ({ name: one.name, description: one.description, input_schema: one.schema }));
const asked = (content) => [{ role: 'user', content }];
const message = (model, content, more = {}) => client.messages.create({ model, max_tokens: 100, system: 'Be brief.', messages: asked(content), ...more });
const callsOf = (found) => found.content.filter((one) => one.type === 'tool_use').map((one) => [one.name, one.input]);

await run(each({
  whole: async (model) => {
    const found = await message(model, 'Say it.', { stop_sequences: ['END'] });
    return [found.content[0].text, found.usage.output_tokens];
  },
  stream: async (model) => {
    const found = await client.messages.stream({ model, max_tokens: 100, messages: asked('Say it.') }).finalMessage();
    return [found.content[0].text, found.usage.output_tokens];
  },
  tools: async (model) => {
    const found = await message(model, 'TOOLS', { tools });
    const results = found.content.filter((one) => one.type === 'tool_use').map((one) => ({ type: 'tool_result', tool_use_id: one.id, content: 'rain' }));
    const messages = [...asked('TOOLS'), { role: 'assistant', content: found.content }, { role: 'user', content: [...results, { type: 'text', text: 'And now?' }] }];
    const then = await client.messages.create({ model, max_tokens: 100, messages, tools });
    return [...callsOf(found), then.content[0].text];
  },
  tools_stream: async (model) => callsOf(await client.messages.stream({ model, max_tokens: 100, messages: asked('TOOLS'), tools }).finalMessage()),
  picture: async (model) => {
    const content = [{ type: 'text', text: 'PICTURE' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: picture } }];
    return (await message(model, content)).content[0].text;
  },
  schema: async (model) => JSON.parse((await message(model, 'JSON', { output_config: { format: { type: 'json_schema', schema } } })).content[0].text),
  cancel: async (model) => {
    const events = await message(model, `SLOW anthropic-node-${model.split('/')[0]}`, { stream: true });
    for await (const one of events) {
      if (one.type === 'content_block_delta') {
        events.controller.abort();
        return one.delta.text;
      }
    }
  },
  refused: (model) => message(model, secret),
  busy: (model) => message(model, 'BUSY'),
  bad_key: (model) => client.withOptions({ apiKey: badKey }).messages.create({ model, max_tokens: 9, messages: asked('Say it.') }),
}));
