import { expect, test } from 'vitest';
import { isLargeSchema } from './is-large-schema.ts';

const properties = (count: number, each: object) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, each]));

test('a schema is large by its properties, wherever they are, or by its rules and patterns', () => {
  const rule = { 'x-kubernetes-validations': [{ rule: 'true' }, { rule: 'false' }] };
  expect(isLargeSchema({ type: 'object', properties: properties(5000, { type: 'string' }) })).toBe(false);
  expect(isLargeSchema({ type: 'object', properties: properties(10_000, { type: 'string' }) })).toBe(true);
  const items = { type: 'array', items: { type: 'object', properties: properties(101, {}) } };
  expect(isLargeSchema({ type: 'object', properties: properties(100, items) })).toBe(true);
  expect(isLargeSchema({ properties: properties(100, rule) })).toBe(false);
  expect(isLargeSchema({ properties: properties(101, rule) })).toBe(true);
  expect(isLargeSchema({ 'x-kubernetes-validations': [{ rule: 'true && '.repeat(3000) }] })).toBe(false);
  expect(isLargeSchema({ 'x-kubernetes-validations': [{ rule: 'true && '.repeat(3001) }] })).toBe(true);
  expect(isLargeSchema({ properties: properties(100, { type: 'string', pattern: 'a'.repeat(241) }) })).toBe(true);
});
