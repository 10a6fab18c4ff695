import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { RefreshTimers } from './refresh-timers.ts';
import type { UniqueVolumeName } from './volume-spec.ts';

test.each([
  ['as it goes', 0, 3600],
  ['set back by an hour', -3600, 3600],
  ['set on by half an hour', 1800, 1800],
  ['set on by two hours, at the next look', 7200, 60],
] as const)('a content of an hour is renewed by a clock %s', async (_, setOnSeconds, seconds) => {
  const clock = new FakeClock();
  const due: string[] = [];
  using timers = new RefreshTimers(clock, (name) => void due.push(name));
  timers.arm('token' as UniqueVolumeName, 'pod', 3600_000);
  clock.setOn(setOnSeconds * 1000);
  await clock.advance(seconds * 1000 - 1);
  expect(due).toEqual([]);
  await clock.advance(1);
  expect([due, clock.pending]).toEqual([['token'], 0]);
});
