import { expect, test } from 'vitest';
import { RecentValues } from './recent-values.ts';

const values = Array.from({ length: 10_000 }, () => new Uint8Array(1));

test('the last thousand values are known, and no more than twice as many', () => {
  const recent = new RecentValues<number>();
  for (const [i, value] of values.entries()) {
    recent.set(value, i);
    expect(recent.get(value)).toBe(i);
    const last = Math.max(0, i - 999);
    expect(recent.get(values[last]!)).toBe(last);
  }
  const known = values.filter((value) => recent.get(value) !== undefined);
  expect(known.length).toBeLessThanOrEqual(2000);
  expect(known).toEqual(values.slice(-known.length));
});
