import { expect, test } from 'vitest';
import { growthOf } from './growth.ts';

const text = { type: 'string', default: 'x' };

test('defaults at one place are there once, those of items in each', () => {
  const items = { type: 'object', properties: { a: text, b: text, c: { type: 'string' } } };
  const list = { type: 'array', items };
  expect(growthOf({ properties: { list, d: text } })).toEqual({ once: 1, each: 2 });
  expect(growthOf({ properties: { map: { type: 'object', additionalProperties: items } } })).toEqual({
    once: 0,
    each: 2,
  });
  expect(growthOf({ properties: { plain: { type: 'string' } } })).toEqual({ once: 0, each: 0 });
});

test('defaults in defaults are counted, however many they make', () => {
  let schema: object = { type: 'object', properties: { a: text } };
  for (let depth = 0; depth < 10; depth++)
    schema = { type: 'object', properties: { list: { type: 'array', items: schema, default: Array(1000).fill({}) } } };
  expect(growthOf(schema).once).toBeGreaterThan(1e30);
});
