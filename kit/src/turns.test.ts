import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { SmallSteps, Turns } from './turns.ts';

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

test('a turn that has gone on for long begins one more of each kind', async () => {
  const [some, others] = [new Turns(1000), new Turns(1000)];
  const begun: number[] = [];
  for (const turns of [some, others]) turns.arrive(1000);
  const work = async (turns: Turns, i: number, ms: number) => {
    await turns.goOn(1);
    // What comes behind the first wait is its work as well.
    await Promise.resolve();
    begun.push(i);
    for (const began = process.threadCpuUsage().user; process.threadCpuUsage().user - began < ms * 1000; );
  };
  const all = [0, 1, 2].map((i) => work(some, i, 20)).concat([10, 11, 12].map((i) => work(others, i, 0)));
  await setImmediate();
  expect(begun).toEqual([0, 10]);
  await Promise.all(all);
  expect(begun.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 10, 11, 12]);
});

test('what takes no time goes on in one turn', async () => {
  const turns = new Turns(1000);
  await setImmediate();
  turns.arrive(1000);
  let begun = 0;
  for (let i = 0; i < 10; i++) void turns.goOn(100)?.then(() => begun++);
  expect(begun).toBe(0);
  await setImmediate();
  expect(begun).toBe(10);
});

test('of small steps as many are asked for together as are worth it', async () => {
  const turns = new Turns(10);
  const steps = new SmallSteps(turns, 10);
  const waited: number[] = [];
  for (let i = 1; i <= 40; i++) {
    const pause = steps.goOn(1);
    if (pause) await pause;
    if (pause) waited.push(i);
  }
  expect(waited).toEqual([20, 30, 40]);
});
