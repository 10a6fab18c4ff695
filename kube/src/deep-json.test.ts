import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nestsDeeper, stringifyDeep } from './deep-json.ts';

const nested = (depth: number, inside: unknown) => {
  let value = inside;
  for (let i = 0; i < depth; i++) value = i % 2 ? [value, 'b'] : { a: null, b: value, c: undefined };
  return value;
};

test('levels are counted', () => {
  expect([nestsDeeper(1, 0), nestsDeeper([], 0), nestsDeeper([], 1)]).toEqual([false, true, false]);
  expect([nestsDeeper(nested(10_000, 1), 9999), nestsDeeper(nested(10_000, 1), 10_000)]).toEqual([true, false]);
  expect(nestsDeeper({ a: 1, b: [{ c: [] }], d: {} }, 3)).toBe(true);
});

test('what nests deeper than the stack holds is written as all else is', () => {
  const large = 2n ** 60n;
  const deep = stringifyDeep(nested(20_000, { n: large, s: ['"', undefined], e: {} }));
  expect(deep).toContain('{"n":1152921504606846976,"s":["\\"",null],"e":{}}');
  expect(deep).toBe(
    JSON.stringify(nested(20_000, 0)).replace('0', '{"n":1152921504606846976,"s":["\\"",null],"e":{}}'),
  );
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = stringifyDeep(nested(12_000, [large, value]));
      expect(text).toContain(`[${large},${JSON.stringify(value)}]`);
    }),
    { numRuns: 5 },
  );
});
