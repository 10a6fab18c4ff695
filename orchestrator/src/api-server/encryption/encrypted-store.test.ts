import { setImmediate } from 'node:timers/promises';
import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../store/store.memory.ts';
import { EncryptedStore } from './encrypted-store.ts';
import type { Transformer } from './transformer.ts';

test('of many values that nobody read yet each turn of the event loop opens some', async () => {
  await using inner = new MemoryStore({ clock: new FakeClock() });
  for (let i = 0; i < 5000; i++) await inner.write({ key: `/a/${i}`, value: Buffer.from(`${i}`), expected: 0 });
  let turn = 0;
  const opened = new Map<number, number>();
  const transformer: Transformer = {
    seal: (data) => data,
    open: (data) => {
      opened.set(turn, (opened.get(turn) ?? 0) + 1);
      return { data: Buffer.from(`open ${Buffer.from(data)}`), stale: false };
    },
  };
  const store = new EncryptedStore(inner, () => transformer);
  let isDone = false;
  const ranging = store.range({ prefix: '/a/' }).finally(() => {
    isDone = true;
  });
  for (; !isDone; turn++) await setImmediate();
  const { items } = await ranging;
  expect(items.map(({ key, value }) => `${key} ${Buffer.from(value)}`)).toContain('/a/4999 open 4999');
  expect(items).toHaveLength(5000);
  expect(Math.max(...opened.values())).toBeLessThan(2000);
});
