import { type KubeClient, resources, type WatchEvent, type WatchOptions } from '@berth/kube';
import { expect, test, vi } from 'vitest';
import { aConfigMap, aServer } from '../server.test-harness.ts';
import { ObjectCodec } from '../stored-object.ts';

/** Collects what a watch says until it ends; `lines` grows while it runs. */
function follow(client: KubeClient, options: WatchOptions) {
  const stop = new AbortController();
  const lines: string[] = [];
  const ended = (async () => {
    for await (const event of client.watch(resources.configmaps, options, stop.signal)) lines.push(text(event));
  })();
  return { lines, ended, stop: () => stop.abort() };
}

function text({ type, object: { metadata } }: WatchEvent): string {
  return type === 'BOOKMARK'
    ? `BOOKMARK ${metadata.resourceVersion} ${JSON.stringify(metadata.annotations ?? {})}`
    : `${type} ${metadata.name}`;
}

test('a watch says once a minute how far it is, and once more before its end', async () => {
  await using server = await aServer();
  const { client, clock, store } = server;
  const watch = follow(client, {
    resourceVersion: String(store.revision),
    allowWatchBookmarks: true,
    timeoutSeconds: 90,
  });
  await clock.advance(1000);
  await client.create(resources.configmaps, aConfigMap('a'));
  await client.create(resources.pods, {
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  } as never);
  await clock.advance(60_000);
  expect(watch.lines).toEqual(['ADDED a', `BOOKMARK ${store.revision} {}`]);
  await clock.advance(30_000);
  await watch.ended;
  expect(watch.lines).toHaveLength(3);
});

test.each([{ sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }, { resourceVersion: '0' }, {}] as const)(
  'a watch that begins with the state says where it ends: %j',
  async (beginning) => {
    await using server = await aServer();
    const { client, clock, store } = server;
    await client.create(resources.configmaps, aConfigMap('a'));
    const options = { ...beginning, allowWatchBookmarks: true } as const;
    const watch = follow(client, options);
    await clock.advance(10);
    expect(watch.lines).toEqual(['ADDED a', `BOOKMARK ${store.revision} {"k8s.io/initial-events-end":"true"}`]);
    watch.stop();
    await watch.ended;
  },
);

test('a watch from a compacted revision is told to list again', async () => {
  await using server = await aServer();
  const { client, store } = server;
  const old = String(store.revision);
  await client.create(resources.configmaps, aConfigMap('a'));
  await store.compact(store.revision);
  await expect(follow(client, { resourceVersion: old }).ended).rejects.toMatchObject({
    code: 'Expired',
    message: `too old resource version: ${old} (${store.revision})`,
  });
});

test('a watch whose client reads too slowly ends without a word, and goes on where that comes back', async () => {
  await using server = await aServer();
  const { client, store } = server;
  const watch = (resourceVersion: string) =>
    client.watch(resources.configmaps, { resourceVersion }, AbortSignal.timeout(60_000))[Symbol.asyncIterator]();
  const slow = watch(String(store.revision));
  const first = slow.next();
  const { metadata } = await client.create(resources.configmaps, aConfigMap('read'));
  expect((await first).value).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'read' } } });
  await client.create(resources.configmaps, aConfigMap('missed'));
  const key = '/registry/configmaps/default/many';
  const value = new TextEncoder().encode(
    JSON.stringify({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'many' } }),
  );
  for (let expected = 0, i = 0; i < 10_001; i++) {
    const result = await store.write({ key, value, expected });
    if (result.ok) expected = result.revision;
  }
  const seen: WatchEvent[] = [];
  for (let next = await slow.next(); !next.done; next = await slow.next()) seen.push(next.value);
  expect(seen.length).toBeLessThan(10_000);
  const again = watch(seen.at(-1)?.object.metadata.resourceVersion ?? metadata.resourceVersion!);
  expect((await again.next()).value).toMatchObject({
    object: { metadata: { name: seen.length > 0 ? 'many' : 'missed' } },
  });
  await again.return?.();
});

test('a store that closes ends its watches without a word', async () => {
  await using server = await aServer();
  const { client, clock, store } = server;
  const watch = follow(client, { resourceVersion: String(store.revision) });
  await client.create(resources.configmaps, aConfigMap('a'));
  await clock.advance(1);
  await store[Symbol.asyncDispose]();
  await watch.ended;
  expect(watch.lines).toEqual(['ADDED a']);
});

test('a watch in one namespace sees nothing of another', async () => {
  await using server = await aServer();
  const { client, clock, store } = server;
  const watch = follow(client, { namespace: 'default', resourceVersion: String(store.revision) });
  await client.create(resources.configmaps, { metadata: { name: 'x', namespace: 'kube-system' } });
  await client.create(resources.configmaps, aConfigMap('y'));
  await clock.advance(1);
  expect(watch.lines).toEqual(['ADDED y']);
  watch.stop();
  await watch.ended;
});

test('when everything is over no timer is left', async () => {
  const { clock, ...server } = await aServer();
  const watch = follow(server.client, { allowWatchBookmarks: true });
  await clock.advance(1000);
  watch.stop();
  await watch.ended;
  await server[Symbol.asyncDispose]();
  expect(clock.pending).toBe(0);
});

test.each([
  [undefined, 1800],
  [60, 60],
])(
  'a watch that says nothing of its time ends after --min-request-timeout %s, or up to twice as long',
  async (flag, seconds) => {
    await using server = await aServer(flag === undefined ? {} : { limits: { minRequestTimeoutSeconds: flag } });
    const watch = follow(server.client, { resourceVersion: String(server.store.revision) });
    let isOver = false;
    const ended = watch.ended.then(() => {
      isOver = true;
    });
    await server.clock.advance(seconds * 1000 - 1);
    expect(isOver).toBe(false);
    await server.clock.advance(seconds * 1000 + 1);
    await ended;
  },
);

test('an event is looked at by the many conditions of each watch in turns of the event loop', async () => {
  await using server = await aServer();
  const { client } = server;
  const made = await client.create(resources.configmaps, aConfigMap('a'));
  const labelSelector = Array.from({ length: 40_000 }, (_, i) => `!l${i}`).join();
  const toldIn: number[] = [];
  let turn = 0;
  const next = () => {
    turn++;
    immediate = setImmediate(next);
  };
  let immediate = setImmediate(next);
  const stop = new AbortController();
  const options = { resourceVersion: '0', labelSelector };
  const watches = Array.from({ length: 5 }, async () => {
    for await (const _event of client.watch(resources.configmaps, options, stop.signal)) toldIn.push(turn);
  });
  // Each is told of what is there, so that all are there for what follows.
  await expect.poll(() => toldIn.length).toBe(5);
  await client.update(resources.configmaps, { ...made, data: { a: 'b' } });
  await expect.poll(() => toldIn.length).toBe(10);
  clearImmediate(immediate);
  stop.abort();
  await Promise.all(watches);
  expect(new Set(toldIn.slice(5)).size).toBe(5);
});

test('of a large object that a watch selects by more than metadata one state is read in a turn of the event loop', async () => {
  await using server = await aServer();
  const { client, store } = server;
  const key = '/registry/secrets/default/large';
  const write = async (expected: number, type: string) => {
    const large = { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'large', namespace: 'default' }, type };
    const data = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`k${i}`, 'YQ==']));
    const value = new TextEncoder().encode(JSON.stringify({ ...large, data }));
    const written = await store.write({ key, value, expected });
    return written.ok ? written.revision : expect.unreachable();
  };
  const first = await write(0, 'Opaque');
  const stop = new AbortController();
  const told: string[] = [];
  const watches = Array.from({ length: 3 }, async () => {
    const options = { resourceVersion: String(first), fieldSelector: 'type=Opaque' };
    for await (const event of client.watch(resources.secrets, options, stop.signal)) told.push(text(event));
  });
  const readIn: number[] = [];
  let turn = 0;
  const next = () => {
    turn++;
    immediate = setImmediate(next);
  };
  let immediate = setImmediate(next);
  const { decode } = ObjectCodec.prototype;
  using _decode = vi.spyOn(ObjectCodec.prototype, 'decode').mockImplementation(function (this: ObjectCodec, kv) {
    if (kv.key === key) readIn.push(turn);
    return decode.call(this, kv);
  });
  const second = await write(first, 'Opaque');
  await expect.poll(() => told).toEqual(Array(3).fill('MODIFIED large'));
  clearImmediate(immediate);
  // What it is and what it was, once for all.
  expect(readIn).toHaveLength(2);
  expect(readIn[0]).toBeLessThan(readIn[1] as number);
  await write(second, 'other');
  await expect.poll(() => told.slice(3)).toEqual(Array(3).fill('DELETED large'));
  stop.abort();
  await Promise.all(watches);
});
