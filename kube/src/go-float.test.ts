import { expect, test } from 'vitest';
import { goFloat, goNumber } from './go-float.ts';

/** What Go 1.26's `fmt.Sprintf("%v", x)` and `strconv.FormatFloat(x, 'g', -1, 32)` say. */
test.each([
  [0, '0', '0'],
  [-0, '-0', '-0'],
  [1.5, '1.5', '1.5'],
  [999999, '999999', '999999'],
  [1000000, '1e+06', '1e+06'],
  [-1e6, '-1e+06', '-1e+06'],
  [12345678.5, '1.23456785e+07', '1.2345678e+07'],
  [0.1, '0.1', '0.1'],
  [0.0001, '0.0001', '0.0001'],
  [0.000012345, '1.2345e-05', '1.2345e-05'],
  [1e21, '1e+21', '1e+21'],
  [1e100, '1e+100', '+Inf'],
  [-Infinity, '-Inf', '-Inf'],
  [Number.NaN, 'NaN', 'NaN'],
])('goFloat(%d) is %s, and %s of 32 bits', (value, double, single) => {
  expect([goFloat(value), goFloat(value, 32)]).toEqual([double, single]);
});

test.each([
  [1_000_000, '1000000'],
  [0.0000001, '1e-07'],
  [2n ** 62n + 1n, '4611686018427387905'],
  [1e20, '1e+20'],
  [-(2 ** 63), '-9.223372036854776e+18'],
])('goNumber(%d) is %s', (value, text) => {
  expect(goNumber(value)).toBe(text);
});
