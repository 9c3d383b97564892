// Vercel's AI SDK, with its providers for both vendors.
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { Output, generateText, jsonSchema, streamText, tool } from 'ai';
import { badKey, each, key, picture, run, schema, secret, tools as given, url } from './cases.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false; // it writes them to where the results go
const tools = Object.fromEntries(given.map((one) => [one.name, tool({ description: one.description, inputSchema: jsonSchema(one.schema) })]));
const callsOf = (calls) => calls.map((one) => [one.toolName, one.input]);
const makers = {
  'chat:': (apiKey) => (model) => createOpenAI({ apiKey, baseURL: `${url}/v1` }).chat(model),
  'responses:': (apiKey) => (model) => createOpenAI({ apiKey, baseURL: `${url}/v1` }).responses(model),
  'messages:': (apiKey) => (model) => createAnthropic({ apiKey, baseURL: `${url}/v1` })(model),
};

const cases = (prefix, make) => {
  // Without `store: false` it points to what OpenAI has stored, and through the house nothing is.
  const providerOptions = { openai: { store: false } };
  const by = (name) => ({ model: make(key)(name), maxRetries: 0, system: 'Be brief.', providerOptions });
  return each({
    whole: async (model) => {
      const found = await generateText({ ...by(model), prompt: 'Say it.' });
      return [found.text, found.usage.outputTokens];
    },
    stream: async (model) => {
      const found = streamText({ ...by(model), prompt: 'Say it.' });
      let text = '';
      for await (const one of found.textStream) text += one;
      return [text, (await found.usage).outputTokens];
    },
    tools: async (model) => {
      const found = await generateText({ ...by(model), prompt: 'TOOLS', tools });
      const results = found.toolCalls.map((one) => ({ type: 'tool-result', toolCallId: one.toolCallId, toolName: one.toolName, output: { type: 'text', value: 'rain' } }));
      const messages = [
        { role: 'user', content: 'TOOLS' }, ...found.response.messages, { role: 'tool', content: results }, { role: 'user', content: 'And now?' },
      ];
      return [...callsOf(found.toolCalls), (await generateText({ ...by(model), messages, tools })).text];
    },
    tools_stream: async (model) => callsOf(await streamText({ ...by(model), prompt: 'TOOLS', tools }).toolCalls),
    picture: async (model) => {
      const content = [{ type: 'text', text: 'PICTURE' }, { type: 'image', image: picture, mediaType: 'image/png' }];
      return (await generateText({ ...by(model), messages: [{ role: 'user', content }] })).text;
    },
    schema: async (model) => (await generateText({ ...by(model), prompt: 'JSON', output: Output.object({ schema: jsonSchema(schema), name: 'Place' }) })).output,
    cancel: async (model) => {
      const stop = new AbortController();
      const found = streamText({ ...by(model), prompt: `SLOW ai-${prefix.slice(0, -1)}-${model.split('/')[0]}`, abortSignal: stop.signal, onError: () => {} });
      for await (const one of found.textStream) {
        stop.abort();
        return one;
      }
    },
    refused: (model) => generateText({ ...by(model), prompt: secret }),
    busy: (model) => generateText({ ...by(model), prompt: 'BUSY' }),
    bad_key: (model) => generateText({ ...by(model), model: make(badKey)(model), prompt: 'Say it.' }),
  }, prefix);
};

await run(Object.assign({}, ...Object.entries(makers).map(([prefix, make]) => cases(prefix, make))));
