import { setImmediate } from 'node:timers/promises';
import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../store/store.memory.ts';
import type { KeyValue } from '../../store/store.ts';
import { EncryptedStore } from './encrypted-store.ts';
import type { Transformer } from './transformer.ts';

const countATurn = 2000;

/** A store of many values, and the most that was opened in one turn of the event loop until `read` is done. */
async function mostOpened<T>(count: number, read: (store: EncryptedStore) => Promise<T>) {
  await using inner = new MemoryStore({ clock: new FakeClock() });
  for (let i = 0; i < count; i++) await inner.write({ key: `/a/${i}`, value: Buffer.from(`${i}`), expected: 0 });
  let turn = 0;
  const opened = new Map<number, number>();
  const transformer: Transformer = {
    seal: (data) => Buffer.from(data),
    open: (data) => {
      opened.set(turn, (opened.get(turn) ?? 0) + 1);
      return { data: Buffer.from(`open ${Buffer.from(data)}`), stale: false };
    },
  };
  const store = new EncryptedStore(inner, () => transformer);
  let isDone = false;
  const reading = read(store).finally(() => {
    isDone = true;
  });
  for (; !isDone; turn++) await setImmediate();
  const opens = [...opened.values()];
  return { result: await reading, most: Math.max(...opens), all: opens.reduce((sum, some) => sum + some, 0) };
}

const shown = ({ key, value }: KeyValue) => `${key} ${Buffer.from(value)}`;

test('of many values that nobody read yet each turn of the event loop opens some', async () => {
  const { result, most } = await mostOpened(5000, (store) => store.range({ prefix: '/a/' }));
  expect(result.items.map(shown)).toContain('/a/4999 open 4999');
  expect(result.items).toHaveLength(5000);
  expect(most).toBeLessThan(countATurn);
});

test('so it does of many that a watch tells at once, in their order', async () => {
  const { result, most } = await mostOpened(5000, async (store) => {
    const { signal } = new AbortController();
    const told: string[] = [];
    for await (const events of store.watch('/a/', 0, signal)) {
      told.push(...events.map(({ item }) => shown(item)));
      if (told.length === 5000) break;
    }
    return told;
  });
  expect(result).toEqual(Array.from({ length: 5000 }, (_, i) => `/a/${i} open ${i}`));
  expect(most).toBeLessThan(countATurn);
});

test('what was read, or just written, is not opened again, until another file is', async () => {
  const { result, all } = await mostOpened(3, async (store) => {
    await store.write({ key: '/a/new', value: Buffer.from('new') });
    const first = await store.range({ prefix: '/a/' });
    const second = await store.range({ prefix: '/a/' });
    expect(second.items.map((item, i) => item === first.items[i])).toEqual([true, true, true, true]);
    expect(second.items.map((item) => store.isStale(item))).toEqual([false, false, false, false]);
    const otherwise: Transformer = { seal: (data) => data, open: (data) => ({ data, stale: true }) };
    store.replace(() => otherwise);
    expect(store.isStale(first.items[0] as KeyValue)).toBe(true);
    const third = await store.range({ prefix: '/a/' });
    expect(third.items.map((item) => store.isStale(item))).toEqual([true, true, true, true]);
    return { first: first.items.map(shown), third: third.items.map(shown) };
  });
  expect(result.first).toEqual(['/a/0 open 0', '/a/1 open 1', '/a/2 open 2', '/a/new new']);
  expect(result.third).toEqual(['/a/0 0', '/a/1 1', '/a/2 2', '/a/new new']);
  expect(all).toBe(3);
});
