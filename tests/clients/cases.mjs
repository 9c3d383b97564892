// Runs a client's cases one after the other, and prints what came of each as JSON.
import { readFileSync } from 'node:fs';

export const given = JSON.parse(readFileSync(0, 'utf8'));
export const { url, key, picture, models } = given;
export const badKey = 'cloister_no-key';
export const secret = 'My card is 4111 1111 1111 1111.';
export const schema = {
  type: 'object', additionalProperties: false, required: ['city', 'days'],
  properties: { city: { type: 'string' }, days: { type: 'array', items: { type: 'integer' } } },
};
export const tools = [
  { name: 'weather', description: 'The weather of a place', schema },
  { name: 'now', description: 'The time', schema: { type: 'object', properties: {}, additionalProperties: false } },
];

export async function run(cases) {
  const found = {};
  for (const [name, made] of Object.entries(cases)) {
    try {
      found[name] = await made();
    } catch (error) {
      found[name] = { status: error.status ?? error.statusCode ?? null, kind: error.name, said: String(error.message).slice(0, 500) };
    }
  }
  process.stdout.write(JSON.stringify(found));
}

// The same cases for each model, by name.
export const each = (cases, prefix = '') =>
  Object.fromEntries(models.flatMap((model) => Object.entries(cases).map(([name, made]) => [`${prefix}${model}:${name}`, () => made(model)])));
