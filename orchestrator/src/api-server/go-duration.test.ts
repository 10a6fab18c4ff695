import { expect, test } from 'vitest';
import { durationComplaint, durationMs, durationText } from './go-duration.ts';

test.each([
  ['1m0s', 60_000],
  ['1h', 3_600_000],
  ['1.5s', 1500],
  ['-2ms', -2],
  ['0', 0],
  ['.5s', 500],
  ['300µs', 0.3],
  ['-0', 0],
  ['1h'.repeat(100_000), 360_000_000_000],
])('%.20s', (text, ms) => expect(durationMs(text)).toBe(ms));

test.each([
  ['', 'time: invalid duration ""'],
  ['5', 'time: missing unit in duration "5"'],
  ['3d', 'time: unknown unit "d" in duration "3d"'],
  ['abc', 'time: invalid duration "abc"'],
  ['1s2', 'time: missing unit in duration "1s2"'],
  ['1s 2s', 'time: unknown unit "s " in duration "1s 2s"'],
  ['1s.s', 'time: invalid duration "1s.s"'],
  ['2562048h', 'time: invalid duration "2562048h"'],
])('"%s" is none, in the words of Go', (text, words) => {
  expect(durationMs(text)).toBeUndefined();
  expect(durationComplaint(text)).toBe(words);
});

test.each([
  [0, '0s'],
  [500, '500ms'],
  [1500, '1.5s'],
  [31_000, '31s'],
  [-120_000, '-2m0s'],
  [90_000, '1m30s'],
  [3_600_000, '1h0m0s'],
])('%d ms are told as %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});
