import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Backoff } from './backoff.ts';
import { FakeClock } from './fake-clock.ts';
import { silentLogger } from './logger.ts';
import { runController } from './run-controller.ts';
import { type QueueObserver, type QueueState, WorkQueue } from './work-queue.ts';

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

test('who observes a queue hears how long keys wait and are worked on, and sees what it holds', async () => {
  const clock = new FakeClock();
  const heard: string[] = [];
  let state: QueueState | undefined;
  const observer: QueueObserver = {
    made: (queue) => {
      state = queue;
    },
    added: () => heard.push('added'),
    taken: (ms) => heard.push(`taken ${ms}`),
    done: (ms) => heard.push(`done ${ms}`),
    retried: () => heard.push('retried'),
  };
  const queue = new WorkQueue({ clock, backoff: new Backoff({ initialMs: 1, maxMs: 1 }), observer });
  const seen = () => [state?.depth, state?.heldMs()];
  for (const key of ['a', 'b', 'a']) queue.add(key);
  expect(seen()).toEqual([2, []]);
  await clock.advance(20);
  const worker = queue[Symbol.asyncIterator]();
  await worker.next();
  await clock.advance(5);
  // Wanted again while it is worked on: it waits from now on.
  for (const key of ['a', 'a']) queue.add(key);
  expect(seen()).toEqual([2, [5]]);
  await clock.advance(5);
  await worker.next();
  queue.addRateLimited('c');
  await worker.next();
  expect(seen()).toEqual([0, [0]]);
  await worker.return(undefined);
  expect(heard.join()).toBe('added,added,taken 20,added,done 10,taken 30,retried,done 0,taken 5,done 0');
  await queue[Symbol.asyncDispose]();
});

test.each([
  ['back', -3600_000],
  ['on', 3600_000],
])('of two wishes the earlier counts, also where the clock was set %s between them', async (_, ms) => {
  const clock = new FakeClock();
  const queue = new WorkQueue({ clock, backoff: new Backoff({ initialMs: 1, maxMs: 1 }) });
  queue.addAfter('a', 1000);
  queue.addAfter('b', 9000);
  clock.setOn(ms);
  queue.addAfter('a', 9000);
  queue.addAfter('b', 1000);
  await clock.advance(1000);
  expect(queue.depth).toBe(2);
  await queue[Symbol.asyncDispose]();
});
