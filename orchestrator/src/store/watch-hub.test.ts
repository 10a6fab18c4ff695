import { expect, test } from 'vitest';
import type { StoreEvent } from './store.ts';
import { WatchHub } from './watch-hub.ts';

const value = new Uint8Array(1024 * 1024);
const put = (revision: number, key = '/registry/pods/a', bytes = value): StoreEvent => ({
  type: 'put',
  item: { key, value: bytes, createRevision: 1, modRevision: revision },
  previous: undefined,
});
const watch = (hub: WatchHub, prefix = '/registry/pods/') =>
  hub.subscribe({ prefix, after: 0, replay: [] }, new AbortController().signal)[Symbol.asyncIterator]();

test('a watcher that takes nothing is let go of before it holds much memory; another hears all', async () => {
  const hub = new WatchHub();
  const [slow, quick, elsewhere] = [watch(hub), watch(hub), watch(hub, '/registry/nodes/')];
  const seen: number[] = [];
  for (let revision = 1; revision <= 40; revision++) {
    hub.publish([put(revision)]);
    for (const { item } of (await quick.next()).value as readonly StoreEvent[]) seen.push(item.modRevision);
  }
  expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
  await expect(slow.next()).rejects.toMatchObject({ code: 'Compacted' });
  expect(hub.size).toBe(2);
  hub.publish([put(41, '/registry/nodes/a')]);
  expect((await elsewhere.next()).value).toHaveLength(1);
});

test('a batch of any size comes to a watcher that had taken all before it, and what is not its own does not count', async () => {
  const hub = new WatchHub();
  const watcher = watch(hub);
  const large = Array.from({ length: 60 }, (_, i) => put(i + 1));
  hub.publish(large);
  hub.publish([put(61, '/registry/pods-of-another/a')]);
  expect((await watcher.next()).value).toHaveLength(60);
  hub.publish(large);
  expect((await watcher.next()).value).toHaveLength(60);
  hub.publish(large);
  hub.publish([put(200)]);
  await expect(watcher.next()).rejects.toMatchObject({ code: 'Compacted' });
});

test('a watcher of small values may be behind by ten thousand of them', async () => {
  const hub = new WatchHub();
  const watcher = watch(hub);
  const small = Array.from({ length: 10_000 }, (_, i) => put(i + 1, '/registry/pods/a', new Uint8Array(1)));
  hub.publish(small);
  expect((await watcher.next()).value).toHaveLength(10_000);
  hub.publish(small);
  hub.publish([put(10_001)]);
  await expect(watcher.next()).rejects.toMatchObject({ code: 'Compacted' });
});
