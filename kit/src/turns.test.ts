import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

test('a turn of the event loop begins no more than it has room for, in the order they came', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  const take = (i: number) => {
    const pause = turns.arrive(1);
    if (pause) void pause.then(() => begun.push(i));
    else begun.push(i);
  };
  for (const i of [0, 1, 2, 3, 4]) take(i);
  expect(begun).toEqual([0, 1]);
  await setImmediate();
  take(5);
  expect(begun).toEqual([0, 1, 2, 3]);
  await setImmediate();
  expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
});

test('a turn that is over leaves room for the next', async () => {
  const turns = new Turns(1);
  expect(turns.arrive(1)).toBeUndefined();
  await setImmediate();
  await setImmediate();
  expect(turns.arrive(1)).toBeUndefined();
});
