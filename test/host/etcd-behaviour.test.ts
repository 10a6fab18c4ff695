import { type Clock, FakeClock, silentLogger, systemClock } from '@berth/kit';
import { encodeProtobuf, KubeClient, resources } from '@berth/kube';
import { GrpcConnection, loadEtcd } from '@berth/protos';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { foreignValues } from '../../orchestrator/src/api-server/foreign-values.ts';
import { definitions } from '../../orchestrator/src/api-server/resources/definitions.ts';
import { runCompactor } from '../../orchestrator/src/store/etcd/compactor.ts';
import { EtcdClient } from '../../orchestrator/src/store/etcd/etcd-client.ts';
import { etcdEndpointsOf } from '../../orchestrator/src/store/etcd/etcd-endpoint.ts';
import { openEtcdStore } from '../../orchestrator/src/store/etcd/store.etcd.ts';
import type { KeyValue } from '../../orchestrator/src/store/store.ts';
import { anApiServer } from '../harness/api-server.ts';
import { EtcdCluster, isUncertain } from '../harness/etcd-cluster.ts';
import { TcpProxy } from '../harness/tcp-proxy.ts';

let cluster: EtcdCluster;
beforeAll(async () => {
  cluster = await EtcdCluster.start();
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

const common = { clock: systemClock, log: silentLogger };
const open = (prefix: string, endpoints = cluster.endpoints, more: { giveUpMs?: number } = {}) =>
  openEtcdStore({ endpoints, prefix, ...common, ...more });
const bytes = (text: string) => new TextEncoder().encode(text);

/** etcd as its own tools see it. */
async function raw(endpoints = cluster.endpoints) {
  const services = await loadEtcd();
  const connection = new GrpcConnection(endpoints[0]!.address);
  const kv = connection.service(services.etcdKv);
  return {
    kv,
    lease: connection.service(services.etcdLease),
    maintenance: connection.service(services.etcdMaintenance),
    async keys(prefix: string): Promise<[string, string][]> {
      const { kvs } = await kv.Range({ key: bytes(prefix), rangeEnd: bytes(prefix.replace(/\/$/, '0')) });
      return kvs.map(({ key, value }) => [new TextDecoder().decode(key), new TextDecoder().decode(value)]);
    },
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  };
}

/** A write that may be made again, until it is known to be made. */
async function surely(write: () => Promise<unknown>): Promise<unknown> {
  return await write().catch((error: unknown) => (isUncertain(error) ? surely(write) : Promise.reject(error)));
}

test('objects are where kube-apiserver has them, as JSON that says what it is', async () => {
  using etcd = await raw();
  await using store = await open('/layout');
  await using running = await anApiServer({ more: { store, advertiseAddress: '192.0.2.1' } });
  await new KubeClient(running.server.transport()).create(resources.configmaps, {
    metadata: { name: 'a', namespace: 'default' },
    data: { x: '1' },
  });
  const found = new Map(await etcd.keys('/layout/'));
  for (const key of [
    'namespaces/default',
    'services/specs/default/kubernetes',
    'services/endpoints/default/kubernetes',
  ])
    expect([...found.keys()]).toContain(`/layout/${key}`);
  expect(JSON.parse(found.get('/layout/configmaps/default/a') ?? '')).toMatchObject({
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name: 'a' },
    data: { x: '1' },
  });
  expect(found.get('/layout/configmaps/default/a')).not.toContain('resourceVersion');
});

const aFoo = { metadata: { name: 'f', namespace: 'default', uid: 'u2' }, spec: { z: 1, a: 2 } };
const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
const names = { plural: 'foos', singular: 'foo', kind: 'Foo', listKind: 'FooList' };
const fooDefinition = {
  kind: 'CustomResourceDefinition',
  apiVersion: 'apiextensions.k8s.io/v1',
  metadata: { name: 'foos.example.com', uid: 'u3', creationTimestamp: '2026-01-01T00:00:00Z', generation: 1 },
  spec: {
    group: 'example.com',
    names,
    scope: 'Namespaced',
    versions: [{ name: 'v1', served: true, storage: true, schema }],
    conversion: { strategy: 'None' },
  },
};

test('what kube-apiserver wrote, as protobuf, JSON or a custom resource, is read, followed and changed', async () => {
  using etcd = await raw();
  const put = (key: string, value: string | Uint8Array) =>
    etcd.kv.Put({ key: bytes(`/theirs/${key}`), value: typeof value === 'string' ? bytes(`${value}\n`) : value });
  const metadata = { name: 'theirs', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' };
  const inProtobuf = async (labels: Record<string, string>) =>
    (await encodeProtobuf({ kind: 'Node', apiVersion: 'v1', metadata: { ...metadata, labels } })) as Uint8Array;
  await put('minions/theirs', await inProtobuf({}));
  const map = {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { ...metadata, namespace: 'default' },
    data: { a: '1' },
  };
  await put('configmaps/default/theirs', JSON.stringify(map));
  await put('apiextensions.k8s.io/customresourcedefinitions/foos.example.com', JSON.stringify(fooDefinition));
  await put('example.com/foos/default/f', JSON.stringify({ apiVersion: 'example.com/v1', kind: 'Foo', ...aFoo }));
  const { endpoints } = cluster;
  const foreign = foreignValues(definitions);
  await using store = await openEtcdStore({ endpoints, prefix: '/theirs', ...common, foreign });
  await using running = await anApiServer({ more: { store } });
  const client = new KubeClient(running.server.transport());
  const found = { metadata: { uid: 'u' } };
  expect(await client.find(resources.nodes, { name: 'theirs' })).toMatchObject(found);
  const list = await running.send({ method: 'GET', path: '/api/v1/nodes' });
  const { resourceVersion } = JSON.parse(list.text).metadata as { resourceVersion: string };
  expect(JSON.parse(list.text)).toMatchObject({ items: [found] });

  const lines: string[] = [];
  const stop = new AbortController();
  const path = `/api/v1/nodes?watch=true&resourceVersion=${resourceVersion}`;
  const watch = running.stream({ method: 'GET', path }, (line) => lines.push(line), stop.signal).catch(() => undefined);
  await put('minions/theirs', await inProtobuf({ a: 'b' }));
  await expect.poll(() => lines.length).toBe(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({ type: 'MODIFIED', object: { metadata: { labels: { a: 'b' } } } });
  stop.abort();
  await watch;

  const merge = 'application/merge-patch+json';
  for (const [of, key] of [
    ['/api/v1/nodes/theirs', 'minions/theirs'],
    ['/api/v1/namespaces/default/configmaps/theirs', 'configmaps/default/theirs'],
    ['/apis/example.com/v1/namespaces/default/foos/f', 'example.com/foos/default/f'],
    [
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/foos.example.com',
      'apiextensions.k8s.io/customresourcedefinitions/foos.example.com',
    ],
  ] as const) {
    await expect.poll(async () => (await running.send({ method: 'GET', path: of })).status).toBe(200);
    const body = { metadata: { labels: { by: 'us' } } };
    expect(await running.send({ method: 'PATCH', path: of, contentType: merge, body })).toMatchObject({ status: 200 });
    const stored = new Map(await etcd.keys('/theirs/')).get(`/theirs/${key}`) ?? '';
    expect(JSON.parse(stored)).toMatchObject({ metadata: { labels: { by: 'us' } } });
  }
});

test('a write elsewhere in etcd holds up one read at most: the member does not tell how far its watch is', async () => {
  using etcd = await raw();
  let waits = 0;
  const clock: Clock = {
    ...systemClock,
    schedule(ms, run) {
      if (ms === 100) waits++;
      return systemClock.schedule(ms, run);
    },
  };
  await using store = await openEtcdStore({ endpoints: cluster.endpoints, prefix: '/alone', ...common, clock });
  const key = '/registry/things/x';
  const written = await store.write({ key, value: bytes('1') });
  await expect.poll(() => store.revision).toBe(written.ok && written.revision);
  for (let i = 0; i < 3; i++) {
    await etcd.kv.Put({ key: bytes('/elsewhere'), value: bytes(String(i)) });
    expect(await store.get(key)).toMatchObject({ value: bytes('1') });
    expect(await store.range({ prefix: '/registry/things/' })).toMatchObject({ items: [{ key }] });
  }
  expect(waits).toBe(1);
  // What is written here is told, and waited for as before.
  await store.write({ key, value: bytes('2') });
  expect(await store.get(key)).toMatchObject({ value: bytes('2') });
});

test('stores of different prefixes do not see each other', async () => {
  await using one = await open('/one');
  await using other = await open('/other');
  await one.write({ key: '/registry/things/x', value: bytes('1') });
  expect(await other.get('/registry/things/x')).toBeUndefined();
  expect((await other.range({ prefix: '/' })).items).toEqual([]);
});

test('after much work, and after a start that reads much, values come together in memory', async () => {
  await using writer = await open('/packed');
  const keys = Array.from({ length: 1100 }, (_, i) => `/registry/a/${i}`);
  await Promise.all(keys.map((key) => surely(() => writer.write({ key, value: bytes(`value of ${key}`) }))));
  await using reader = await open('/packed');
  for (const store of [writer, reader]) {
    let items: readonly KeyValue[] = [];
    // Read each time: an answer that came from etcd, as the watch was late, never comes together.
    const apart = async () => {
      items = (await store.range({ prefix: '/registry/a/' })).items;
      return new Set(items.map(({ value }) => value.buffer)).size;
    };
    // Those that came after a thousand others were put together wait for the next thousand.
    await expect.poll(apart).toBeLessThanOrEqual(1 + keys.length - 1000);
    expect(items).toHaveLength(keys.length);
    for (const { key, value } of items) expect(Buffer.from(value).toString()).toBe(`value of ${key}`);
  }
});

test('keys with a time to live share leases, end by themselves, and stay when they are written without', async () => {
  using etcd = await raw();
  await using store = await open('/leases');
  let writes = 0;
  const many = Array.from({ length: 1500 }, (_, i) =>
    surely(() => {
      writes++;
      return store.write({ key: `/registry/events/${i}`, value: bytes('e'), ttlSeconds: 3600 });
    }),
  );
  await Promise.all(many);
  // A grant that was slow is asked for again, and one of the two carries nothing.
  const { kvs } = await etcd.kv.Range({ key: bytes('/leases/events/'), rangeEnd: bytes('/leases/events0') });
  expect(kvs).toHaveLength(many.length);
  const leases = new Set(kvs.map(({ lease }) => lease)).size;
  expect([leases > 1, leases <= Math.ceil(writes / 1000)]).toEqual([true, true]);
  const { revision } = store;
  for (const key of ['/registry/events/short', '/registry/events/kept'])
    await surely(() => store.write({ key, value: bytes('e'), ttlSeconds: 1 }));
  await surely(() => store.write({ key: '/registry/events/kept', value: bytes('e') }));
  // From before it was written: it may have ended already.
  const types: string[] = [];
  for await (const batch of store.watch('/registry/events/short', revision, AbortSignal.timeout(60_000))) {
    types.push(...batch.map(({ type }) => type));
    if (types.includes('delete')) break;
  }
  expect([...new Set(types)]).toEqual(['put', 'delete']);
  expect(await store.get('/registry/events/kept')).toBeDefined();
  expect(await store.get('/registry/events/7')).toBeDefined();
});

test('each interval one of several servers compacts, to where the store was an interval ago', async () => {
  await using own = await EtcdCluster.start();
  using etcd = await raw(own.endpoints);
  await using store = await open('/registry', own.endpoints);
  const clock = new FakeClock();
  const end = new AbortController();
  const compacted: [server: number, revision: number][] = [];
  await using stack = new AsyncDisposableStack();
  const running = [];
  for (let server = 0; server < 3; server++) {
    const client = stack.use(await EtcdClient.create({ endpoints: own.endpoints, tls: async () => ({}), ...common }));
    const onCompacted = (revision: number) => compacted.push([server, revision]);
    running.push(runCompactor({ client, clock, log: silentLogger, intervalMs: 300_000, onCompacted }, end.signal));
  }
  const version = async () => Number((await etcd.kv.Range({ key: bytes('compact_rev_key') })).kvs[0]?.version ?? 0);
  for (let interval = 1; interval <= 4; interval++) {
    await store.write({ key: '/registry/things/x', value: bytes(`${interval}`) });
    await clock.advance(300_000);
    await expect.poll(version).toBe(interval);
    // The losers are back asleep as well.
    await expect.poll(() => clock.pending).toBe(3);
  }
  end.abort();
  await Promise.all(running);
  // The first interval only tells how old what is.
  expect(compacted.length).toBe(3);
  const revisions = compacted.map(([, revision]) => revision);
  expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
  const last = revisions.at(-1)!;
  await expect(etcd.kv.Range({ key: bytes('/x'), revision: String(last - 1) })).rejects.toMatchObject({
    code: 'OUT_OF_RANGE',
  });
  await etcd.kv.Range({ key: bytes('/x'), revision: String(last) });
});

test('a server that was away while etcd forgot has the newest state, and its watchers list again', async () => {
  await using own = await EtcdCluster.start();
  const [endpoint] = own.endpoints;
  await using way = await TcpProxy.to(Number(endpoint!.address.split(':')[1]));
  await using away = await open('/registry', etcdEndpointsOf(`http://127.0.0.1:${way.port}`));
  await using there = await open('/registry', own.endpoints);
  await there.write({ key: '/registry/things/gone', value: bytes('1') });
  await away.get('/registry/things/gone');
  const watching = Array.fromAsync(away.watch('/registry/things/', away.revision, new AbortController().signal));
  const ended = expect(watching).rejects.toMatchObject({ code: 'Compacted' });
  await way.close();
  await there.write({ key: '/registry/things/gone' });
  for (let i = 0; i < 20; i++) await there.write({ key: '/registry/things/x', value: bytes(`${i}`) });
  await there.compact(there.revision);
  await way.open();
  await ended;
  const { items, revision } = await away.range({ prefix: '/registry/things/' });
  expect(items.map(({ key, value }) => [key, new TextDecoder().decode(value)])).toEqual([['/registry/things/x', '19']]);
  expect(revision).toBeGreaterThanOrEqual(there.revision);
});

test('a server that was away while etcd forgot knows rights as they are now', async () => {
  await using own = await EtcdCluster.start();
  await using way = await TcpProxy.to(Number(own.endpoints[0]!.address.split(':')[1]));
  await using near = await open('/registry', own.endpoints);
  await using far = await open('/registry', etcdEndpointsOf(`http://127.0.0.1:${way.port}`));
  await using there = await anApiServer({ more: { store: near, advertiseAddress: '192.0.2.1' } });
  await using away = await anApiServer({ more: { store: far, advertiseAddress: '192.0.2.2' } });
  const client = new KubeClient(there.server.transport());
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' };
  const bind = (name: string) =>
    client.create(resources.clusterrolebindings, {
      metadata: { name },
      roleRef,
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name }],
    });
  const mayList = async (name: string) => {
    const headers = { 'impersonate-user': name };
    return (await away.send({ method: 'GET', path: '/api/v1/namespaces/default/configmaps', headers })).status;
  };
  await bind('jane');
  await expect.poll(() => mayList('jane')).toBe(200);
  await way.close();
  await client.delete(resources.clusterrolebindings, { name: 'jane' });
  await bind('john');
  await near.compact(near.revision);
  await way.open();
  await expect.poll(() => mayList('john')).toBe(200);
  expect(await mayList('jane')).toBe(403);
  // And of what comes later, too.
  await client.delete(resources.clusterrolebindings, { name: 'john' });
  await expect.poll(() => mayList('john')).toBe(403);
});

for (const [came, others] of [
  ['with fewer revisions than before', 0],
  ['and has as many revisions again', 40],
] as const)
  test(`an etcd that was restored ${came} is read anew, and watchers list again`, async () => {
    await using own = await EtcdCluster.start();
    await using way = await TcpProxy.to(Number(own.endpoints[0]!.address.split(':')[1]));
    await using store = await open('/registry', etcdEndpointsOf(`http://127.0.0.1:${way.port}`));
    using etcd = await raw(own.endpoints);
    const put = (key: string, value: string) =>
      etcd.kv.Put({ key: bytes(`/registry/things/${key}`), value: bytes(value) });
    const again = () => expect.poll(() => put('kept', '1').catch(() => undefined)).toBeDefined();
    await again();
    await own.save(0);
    await again();
    for (let i = 0; i < 20; i++) await put('lost', `${i}`);
    const { header } = await put('lost', 'all');
    await expect.poll(() => store.revision).toBe(Number(header?.revision));
    const watching = Array.fromAsync(store.watch('/registry/things/', store.revision, new AbortController().signal));
    const ended = expect(watching).rejects.toMatchObject({ code: 'Compacted' });
    await way.close();
    await own.restore(0);
    await again();
    for (let i = 0; i < others; i++) await put('other', `${i}`);
    await way.open();
    await ended;
    const { items } = await store.range({ prefix: '/registry/things/' });
    const expected = [['kept', '1'], ...(others > 0 ? [['other', `${others - 1}`]] : [])];
    expect(items.map(({ key, value }) => [key.split('/').at(-1), new TextDecoder().decode(value)])).toEqual(expected);
    const { key, modRevision } = items[0]!;
    const events = store.watch('/registry/things/', store.revision, AbortSignal.timeout(60_000));
    expect(await store.write({ key, value: bytes('3'), expected: modRevision })).toMatchObject({ ok: true });
    for await (const [event] of events) {
      expect(event).toMatchObject({ type: 'put', item: { key } });
      break;
    }
  });

test('a store opens where one endpoint is dead, and says so where all are', async () => {
  await using store = await open('/dead', [...etcdEndpointsOf('http://127.0.0.1:1'), ...cluster.endpoints]);
  await store.write({ key: '/registry/things/x', value: bytes('1') });
  await expect(open('/dead', etcdEndpointsOf('http://127.0.0.1:1'), { giveUpMs: 1000 })).rejects.toMatchObject({
    code: 'Unavailable',
    message: expect.stringContaining('ECONNREFUSED'),
  });
});

test('endpoints of two etcds are refused', async () => {
  await using other = await EtcdCluster.start();
  await expect(open('/two', [...cluster.endpoints, ...other.endpoints])).rejects.toMatchObject({
    code: 'Unusable',
    message: expect.stringMatching(`at ${cluster.servers} \\(.*another than that at ${other.servers} `),
  });
});

test('without etcd consistent reads fail, others go on from memory, and all goes on when it is back', async () => {
  await using own = await EtcdCluster.start();
  await using store = await open('/registry', own.endpoints, { giveUpMs: 2000 });
  await using running = await anApiServer({ more: { store } });
  const path = '/api/v1/namespaces/default';
  await running.send({ method: 'GET', path });
  await own.kill(0);
  expect(await running.send({ method: 'GET', path: `${path}?resourceVersion=0` })).toMatchObject({ status: 200 });
  const refused = await running.send({ method: 'GET', path });
  expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect((await running.send({ method: 'GET', path: '/readyz' })).status).toBe(500);
  await own.run(0);
  await expect.poll(async () => (await running.send({ method: 'GET', path })).status).toBe(200);
  const body = { metadata: { name: 'after' } };
  expect(
    await running.send({ method: 'POST', path: `${path}/configmaps`, contentType: 'application/json', body }),
  ).toMatchObject({ status: 201 });
});

test('an etcd without room says so, and takes writes again once it has some', async () => {
  await using own = await EtcdCluster.start({ args: ['--quota-backend-bytes', '4000000'] });
  using etcd = await raw(own.endpoints);
  await using store = await open('/registry', own.endpoints);
  const value = new Uint8Array(100_000).fill(120);
  const fill = async () => {
    for (let i = 0; i < 200; i++) await store.write({ key: '/registry/things/x', value });
  };
  await expect(fill()).rejects.toMatchObject({
    code: 'Full',
    message: expect.stringContaining('database space exceeded'),
  });
  expect((await store.get('/registry/things/x'))?.value.byteLength).toBe(value.byteLength);
  await store.compact(store.revision);
  await etcd.maintenance.Defragment({});
  const { alarms } = await etcd.maintenance.Alarm({ action: 'GET' });
  for (const { memberID, alarm } of alarms) await etcd.maintenance.Alarm({ action: 'DEACTIVATE', memberID, alarm });
  expect(await store.write({ key: '/registry/things/x', value })).toMatchObject({ ok: true });
});

test('an object that is too large for etcd is refused in words', async () => {
  await using store = await open('/large');
  await expect(store.write({ key: '/registry/things/x', value: new Uint8Array(2_000_000) })).rejects.toMatchObject({
    code: 'TooLarge',
  });
});
