import { expect, test } from 'vitest';
import { copyJson } from './copy-json.ts';

test('a copy is equal and shares nothing that can be changed', () => {
  const value = { a: [1, { b: 'x', none: undefined, nil: null }], c: {}, d: [[true]] };
  const copy = copyJson(value);
  expect(copy).toStrictEqual(value);
  (copy.a[1] as { b: string }).b = 'y';
  copy.d[0]?.push(false);
  expect(value.a[1]).toMatchObject({ b: 'x' });
  expect(value.d).toEqual([[true]]);
});

test('a member named __proto__ stays a member', () => {
  const copy = copyJson(JSON.parse('{"__proto__":{"polluted":true}}') as Record<string, unknown>);
  expect(Object.keys(copy)).toEqual(['__proto__']);
  expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  expect(copy['polluted']).toBeUndefined();
});
