import { expect, test } from 'vitest';
import { hexadecimalFloat } from './hexadecimal-float.ts';

// What Go's strconv.ParseFloat says of them.
test.each([
  ['0x1p-2', 0.25],
  ['-0X1.8P1', -3],
  ['0x.8p0', 0.5],
  ['0x_1_0.p+0', 16],
  ['0x1.fffffffffffff8p0', 2],
  ['0x1.fffffffffffff7p0', 2 - 2 ** -52],
  [`0x1${'0'.repeat(300)}p-1200`, 1],
  ['0x1p-1074', 5e-324],
  ['0x0p99999', 0],
  ['0x1p1024', Number.POSITIVE_INFINITY],
  ['0x1', undefined],
  ['0x_p1', undefined],
  ['0x1__0p1', undefined],
  ['0x1p', undefined],
  ['1p2', undefined],
])('%s is %d', (text, value) => {
  expect(hexadecimalFloat(text)).toBe(value);
});
