import { FakeClock, settle } from '@berth/kit';
import { expect, test } from 'vitest';
import { CommitQueue } from './commit-queue.ts';
import { KeySpace } from './key-space.ts';

const value = new TextEncoder().encode('1');

function aQueue() {
  const commits: string[][] = [];
  const space = new KeySpace({ limits: { events: 100, bytes: 1000 } });
  const clock = new FakeClock();
  const commit = async (changes: readonly { readonly key: string }[]) => {
    commits.push(changes.map(({ key }) => key));
    await settle();
  };
  const queue = new CommitQueue({ space, clock, commit, patienceMs: 10, onApplied: () => undefined });
  return { commits, clock, queue };
}

test('writes of one moment, and those that arrive while a commit runs, are one commit each', async () => {
  const { queue, commits } = aQueue();
  const first = [queue.write({ key: '/a', value }), queue.write({ key: '/b', value })];
  await Promise.resolve();
  await Promise.all([...first, queue.write({ key: '/c', value }), queue.write({ key: '/d', value })]);
  expect(commits).toEqual([
    ['/a', '/b'],
    ['/c', '/d'],
  ]);
});

test('an event waits for company and keeps its place before it', async () => {
  const { queue, commits, clock } = aQueue();
  const event = queue.write({ key: '/events/e', value, ttlSeconds: 60 });
  await settle();
  expect(commits).toEqual([]);
  await queue.write({ key: '/a', value });
  expect(await event).toEqual({ ok: true, revision: 1 });
  expect(commits).toEqual([['/events/e', '/a']]);
  expect(clock.pending).toBe(0);
});

test('an event that nobody joins is committed when its patience ends, and at the latest when the store closes', async () => {
  const { queue, commits, clock } = aQueue();
  const first = queue.write({ key: '/events/e', value, ttlSeconds: 60 });
  await clock.advance(10);
  await first;
  const second = queue.write({ key: '/events/f', value, ttlSeconds: 60 });
  await queue.close();
  await second;
  expect(commits).toEqual([['/events/e'], ['/events/f']]);
});
