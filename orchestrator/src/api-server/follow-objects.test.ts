import { setImmediate } from 'node:timers/promises';
import { silentLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import { followObjects } from './follow-objects.ts';
import type { ObjectStorage } from './object-storage.ts';

test('many objects are read in turns of the event loop, and told in one', async () => {
  await setImmediate();
  const read = new Map<string, number>();
  const told: number[] = [];
  let turn = 0;
  const value = new Uint8Array(10_000);
  const objects = Array.from({ length: 1000 }, (_, i) => ({
    kv: { value },
    get object() {
      read.set(`${i}`, turn);
      return { metadata: { name: `${i}` } };
    },
  }));
  const storage = {
    range: async () => ({ objects, revision: 7 }),
    async *watch() {},
  } as unknown as ObjectStorage;
  const follower = { reset: () => told.push(turn), set: () => told.push(turn), remove: () => undefined };
  const end = new AbortController();
  let isDone = false;
  const following = followObjects(storage, follower, { log: silentLogger, signal: end.signal }).finally(() => {
    isDone = true;
  });
  for (; !isDone; turn++) await setImmediate();
  await following;
  end.abort();
  expect(read.size).toBe(1000);
  expect(new Set(read.values()).size).toBeGreaterThan(10);
  expect(told).toHaveLength(1001);
  expect(new Set(told).size).toBe(1);
});
