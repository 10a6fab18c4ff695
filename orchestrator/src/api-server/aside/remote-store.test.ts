import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { storeContract } from '../../store/store.contract.ts';
import { MemoryStore } from '../../store/store.memory.ts';
import type { FromThread, ToThread } from './aside-protocol.ts';
import { RemoteStore } from './remote-store.ts';
import { StoreService } from './store-service.ts';

/** Both ends, with what a message between threads does to what is in it. */
function aRemoteStore(store: MemoryStore, reserve = async (_value: string) => true) {
  const remote: RemoteStore = new RemoteStore((message) => queueMicrotask(() => take(structuredClone(message))));
  const service = new StoreService({
    store,
    reserve,
    written: () => undefined,
    post: (message, transfer = []) => {
      const sent = structuredClone(message, { transfer: [...transfer] });
      queueMicrotask(() => remote.told(sent as Extract<ToThread, { type: 'reply' | 'events' | 'ended' }>));
    },
  });
  function take(message: FromThread): void {
    if (message.type === 'call') void service.call(message.id, message.call);
    if (message.type === 'watch') void service.watch(message);
    if (message.type === 'unwatch') service.unwatch(message.id);
  }
  return Object.assign(remote, {
    compact: (revision: number) => store.compact(revision),
    [Symbol.asyncDispose]: async () => {
      service[Symbol.dispose]();
      await store[Symbol.asyncDispose]();
    },
  });
}

storeContract('remote', async () => aRemoteStore(new MemoryStore({ clock: new FakeClock() })));

test('what was written last is known without asking, until another write', async () => {
  const inner = new MemoryStore({ clock: new FakeClock() });
  await using store = aRemoteStore(inner);
  const value = new Uint8Array([1]);
  await store.write({ key: '/r/a/x', value });
  const { revision } = store;
  await inner.write({ key: '/r/a/x', value: new Uint8Array([2]) });
  expect(await store.get('/r/a/x', 0)).toMatchObject({ value, modRevision: revision });
  expect((await store.get('/r/a/x'))?.value).toEqual(new Uint8Array([2]));
});

test('addresses of Services are taken where all take them', async () => {
  const taken = new Set(['10.0.0.1']);
  const reserve = async (value: string) => !taken.has(value) && taken.add(value) !== undefined;
  await using store = aRemoteStore(new MemoryStore({ clock: new FakeClock() }), reserve);
  const keep = (value: string) =>
    store.write({ key: `/ranges/services/${value}`, value: new Uint8Array(), expected: 0 });
  expect(await keep('10.0.0.1')).toMatchObject({ ok: false });
  expect(await keep('30000')).toMatchObject({ ok: true });
  expect(await keep('30000')).toMatchObject({ ok: false });
  expect(await store.get('/ranges/services/30000')).toBeUndefined();
});
