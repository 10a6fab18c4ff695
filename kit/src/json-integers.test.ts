import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  exactIntegers,
  type Integer,
  integerOf,
  mayHaveLargeInteger,
  numberOf,
  roundedIntegers,
} from './json-integers.ts';

const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n];

test.each<[string, Integer]>([
  ['9007199254740991', 9007199254740991],
  ['-9007199254740991', -9007199254740991],
  ['9007199254740992', 9007199254740992n],
  ['9007199254740993', 9007199254740993n],
  ['9223372036854775807', most],
  ['-9223372036854775808', least],
  ['9223372036854775808', 2 ** 63],
  ['-9223372036854775809', -(2 ** 63)],
  ['99999999999999999999', 1e20],
  [`1${'0'.repeat(308)}`, 1e308],
  ['9'.repeat(3_000_000), Number.POSITIVE_INFINITY],
  ['9007199254740993.0', 9007199254740992],
  ['9007199254740993e1', 90071992547409940],
  ['0', 0],
])('%.30s is %s', (text, value) => {
  expect(numberOf(text)).toBe(value);
});

test('each integer of 64 bits comes back from its text, and has one form', () => {
  fc.assert(
    fc.property(fc.bigInt(least, most), (value) => {
      const read = numberOf(String(value));
      expect(JSON.stringify({ a: [read] })).toBe(`{"a":[${value}]}`);
      expect(read).toBe(integerOf(value));
      expect(typeof read === 'number').toBe(Number.isSafeInteger(Number(value)));
    }),
  );
});

test('a large integer is found wherever it stands', () => {
  const digits = fc.bigInt(2n ** 53n, most).chain((value) => fc.constantFrom(`${value}`, `-${value}`));
  const filler = fc.stringMatching(/^[a-z0-9 "]{0,40}$/);
  const between = fc.constantFrom([':', ','], ['[', ']'], [' ', '}'], [',', '\n']);
  fc.assert(
    fc.property(filler, digits, between, filler, (before, number, [open, close], after) => {
      expect(mayHaveLargeInteger(`${before}${open}${number}${close}${after}`)).toBe(true);
    }),
  );
  expect(mayHaveLargeInteger('9007199254740993')).toBe(true);
});

test.each([
  ['short numbers', `[${Array.from({ length: 100 }, (_, i) => 10 ** (i % 15)).join(',')}]`],
  ['a checksum', '{"sha":"12345678901234567890123456789012"}'],
  ['a name', '{"name":"a-1234567890123456789-b"}'],
  ['a fraction', '[0.12345678901234567]'],
  ['nothing', ''],
])('%s is no large integer', (_, text) => {
  expect(mayHaveLargeInteger(text)).toBe(false);
});

test('rounded, what has no large integer is itself', () => {
  const plain = { a: [1, 'b', null, { c: true }] };
  expect(roundedIntegers(plain)).toBe(plain);
  const large = { a: [1, { b: most }], c: plain };
  expect(roundedIntegers(large)).toEqual({ a: [1, { b: 2 ** 63 }], c: plain });
});

test('a value is rounded however deep it nests', () => {
  let value: unknown = most;
  for (let i = 0; i < 10_000; i++) value = i % 2 ? { a: value } : [value];
  let copy: unknown = roundedIntegers(value);
  for (let i = 0; i < 10_000; i++) copy = Object.values(copy as object)[0];
  expect(copy).toBe(2 ** 63);
});

test('parts of a rounded copy are found exact again, wherever they are put', () => {
  const large = { a: [1, { b: most }], c: { d: true } };
  const copy = roundedIntegers(large);
  expect(exactIntegers(copy)).toBe(large);
  expect(exactIntegers({ x: { ...copy, c: 1 }, y: [copy.a] })).toEqual({ x: { a: large.a, c: 1 }, y: [large.a] });
  expect(exactIntegers(large)).toBe(large);
});
