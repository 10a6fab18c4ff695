import { setImmediate } from 'node:timers/promises';
import { FakeClock, settle, silentLogger } from '@berth/kit';
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
    definition: { plural: 'roles' },
    range: async () => ({ objects, revision: 7 }),
    async *watch() {},
  } as unknown as ObjectStorage;
  const follower = { reset: () => told.push(turn), set: () => told.push(turn), remove: () => undefined };
  const end = new AbortController();
  let isDone = false;
  const run = { log: silentLogger, clock: new FakeClock(), signal: end.signal };
  const following = followObjects(storage, follower, run).finally(() => {
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

test('what cannot be read ends no following: all is read again, later each time, until it can', async () => {
  const names = new Set(['a']);
  let isReadable = true;
  let reads = 0;
  const item = (name: string) => ({
    kv: { value: new Uint8Array() },
    get object() {
      if (!isReadable) throw new Error('no key opens it');
      return { metadata: { name } };
    },
  });
  const changes: string[][] = [];
  let wake: () => void = () => undefined;
  const storage = {
    definition: { plural: 'roles' },
    range: async () => {
      reads++;
      return { objects: [...names].map(item), revision: 7 };
    },
    view: ({ key }: { key: string }) => item(key),
    async *watch(_namespace: string, _after: number, signal: AbortSignal) {
      while (!signal.aborted) {
        for (const each of changes.splice(0)) yield each.map((key) => ({ type: 'put', item: { key } }));
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  } as unknown as ObjectStorage;
  const known = new Set<string>();
  const follower = {
    reset: () => known.clear(),
    set: ({ metadata }: { metadata: { name?: string } }) => void known.add(metadata.name ?? ''),
    remove: () => undefined,
  };
  const end = new AbortController();
  const clock = new FakeClock();
  const change = async (...keys: string[]) => {
    for (const each of keys) names.add(each);
    changes.push(keys);
    wake();
    await settle();
  };
  await followObjects(storage, follower, { log: silentLogger, clock, signal: end.signal });
  isReadable = false;
  await change('b');
  await clock.advance(60_000);
  expect([...known]).toEqual(['a']);
  expect(reads).toBeGreaterThan(3);
  expect(reads).toBeLessThan(12);
  isReadable = true;
  await clock.advance(30_000);
  expect([...known]).toEqual(['a', 'b']);
  await change('c');
  expect([...known]).toEqual(['a', 'b', 'c']);
  end.abort();
  wake();
  await settle();
  expect(clock.pending).toBe(0);
});
