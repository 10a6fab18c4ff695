import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { storeContract } from './store.contract.ts';
import { MemoryStore } from './store.memory.ts';

storeContract('memory', async () => new MemoryStore({ clock: new FakeClock() }));

test('a key with a time to live disappears when it is over, and a rewrite without one keeps it', async () => {
  const clock = new FakeClock();
  await using store = new MemoryStore({ clock });
  const value = new Uint8Array(1);
  await store.write({ key: '/r/events/a', value, ttlSeconds: 60 });
  await store.write({ key: '/r/events/b', value, ttlSeconds: 60 });
  await store.write({ key: '/r/events/c', value, ttlSeconds: 30 });
  await store.write({ key: '/r/events/b', value });
  await clock.advance(30_000);
  expect(await store.get('/r/events/c')).toBeUndefined();
  expect(await store.get('/r/events/a')).toBeDefined();
  await clock.advance(30_000);
  expect(await store.get('/r/events/a')).toBeUndefined();
  expect(await store.get('/r/events/b')).toBeDefined();
});
