import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { DroppedRequests } from './dropped-requests.ts';

async function seconds(clock: FakeClock, dropped: DroppedRequests, each: readonly number[]): Promise<number[]> {
  const answers: number[] = [];
  for (const count of each) {
    let last = 0;
    for (let i = 0; i < count; i++) last = dropped.record('l');
    answers.push(last);
    await clock.advance(1000);
  }
  return answers;
}

test('who is refused comes again later while many are refused, and sooner when few are', async () => {
  const clock = new FakeClock();
  const dropped = new DroppedRequests(clock);
  const busy = await seconds(clock, dropped, Array(60).fill(100));
  expect(busy[0]).toBe(1);
  expect(busy.at(-1)).toBe(32);
  for (const [i, value] of busy.entries()) expect(value).toBeGreaterThanOrEqual(busy[i - 1] ?? 1);
  await clock.advance(60_000);
  const calm = await seconds(clock, dropped, Array(60).fill([1, 0, 0]).flat());
  expect(calm.at(-3)).toBeLessThan(5);
});

test('levels are counted apart', () => {
  const dropped = new DroppedRequests(new FakeClock());
  expect(dropped.record('a')).toBe(1);
  expect(dropped.record('b')).toBe(1);
});
