import { expect, test } from 'vitest';
import { age, humanDuration } from './columns.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

test.each([
  [-2 * second, '<invalid>'],
  [-1, '0s'],
  [second - 1, '0s'],
  [2 * minute - 1, '119s'],
  [2 * minute, '2m'],
  [190 * second, '3m10s'],
  [10 * minute + second, '10m'],
  [3 * hour - 1, '179m'],
  [3 * hour + minute, '3h1m'],
  [8 * hour + 59 * minute, '8h'],
  [2 * day - 1, '47h'],
  [49 * hour, '2d1h'],
  [8 * day - 1, '7d23h'],
  [8 * day + 2 * hour, '8d'],
  [2 * year - 1, '729d'],
  [2 * year + 25 * hour, '2y1d'],
  [8 * year - 1, '7y364d'],
  [9 * year, '9y'],
])('%d ms ago reads as %s', (ms, text) => {
  expect(humanDuration(ms)).toBe(text);
});

test('an object without a time of creation has no age', () => {
  expect(age(null, 0)).toBe('<unknown>');
});
