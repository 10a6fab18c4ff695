import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Backoff } from './backoff.ts';
import { FakeClock } from './fake-clock.ts';
import { silentLogger } from './logger.ts';
import { runController } from './run-controller.ts';
import { WorkQueue } from './work-queue.ts';

const aQueue = () => new WorkQueue({ clock: new FakeClock(), backoff: new Backoff({ initialMs: 1, maxMs: 1 }) });

test('keys are taken in the order they were added, however often the queue ran empty in between', async () => {
  const queue = aQueue();
  const taken: string[] = [];
  const working = (async () => {
    for await (const key of queue) {
      taken.push(key);
      if (key === 'b' && !taken.includes('e')) for (const again of ['b', 'e']) queue.add(again);
    }
  })();
  for (const key of ['a', 'b', 'a', 'c', 'd']) queue.add(key);
  await setImmediate();
  // What is wanted again while it is worked on comes behind all others.
  expect(taken).toEqual(['a', 'b', 'c', 'd', 'e', 'b']);
  for (const key of ['f', 'a']) queue.add(key);
  await setImmediate();
  expect(taken.slice(6)).toEqual(['f', 'a']);
  await queue[Symbol.asyncDispose]();
  await working;
});

test('keys that need no more than a look leave turns of the event loop to others', async () => {
  const queue = aQueue();
  const keys = Array.from({ length: 3000 }, (_, i) => `k${i}`);
  const done: string[] = [];
  const stop = new AbortController();
  for (const key of keys) queue.add(key);
  const running = runController({
    ...{ name: 'test', queue, workers: 4, log: silentLogger, signal: stop.signal },
    reconcile: async (key) => {
      done.push(key);
      return undefined;
    },
  });
  let most = 0;
  for (let last = 0; done.length < keys.length; last = done.length) {
    await setImmediate();
    most = Math.max(most, done.length - last);
  }
  expect(done).toEqual(keys);
  // Between two looks there may be two turns.
  expect(most).toBeLessThanOrEqual(2 * 250);
  stop.abort();
  await running;
});
