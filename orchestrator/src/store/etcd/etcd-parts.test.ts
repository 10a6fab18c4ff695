import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { StoreError } from '../store-error.ts';
import type { EtcdClient } from './etcd-client.ts';
import { etcdEndpointsOf } from './etcd-endpoint.ts';
import { connectionWords, fateOf, storeErrorOf } from './etcd-error.ts';
import { EtcdKeys } from './etcd-keys.ts';
import { pagesOf } from './etcd-pages.ts';
import { Leases } from './leases.ts';
import { PendingValues } from './pending-values.ts';
import { RevisionProbe } from './revision-probe.ts';
import { RevisionWaiters } from './revision-waiters.ts';
import { isSince } from './server-version.ts';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test.each([
  ['/registry/configmaps/default/a', '/registry/configmaps/default/a'],
  // Where kube-apiserver has them: its storage names are not all plurals.
  ['/registry/nodes/node-1', '/registry/minions/node-1'],
  ['/registry/services/default/kubernetes', '/registry/services/specs/default/kubernetes'],
  ['/registry/endpoints/default/kubernetes', '/registry/services/endpoints/default/kubernetes'],
  ['/registry/replicationcontrollers/default/rc', '/registry/controllers/default/rc'],
  ['/registry/ingresses/default/i', '/registry/ingress/default/i'],
  ['/registry/constructor/x/y', '/registry/constructor/x/y'],
  ['/r/a/x', '/registry/berth.local/r/a/x'],
])('%s is %s in etcd, and back', (ours, theirs) => {
  const keys = new EtcdKeys('/registry');
  expect(text(keys.key(ours))).toBe(theirs);
  expect(keys.ours(keys.key(ours))).toBe(ours);
});

test.each(['/registry', 'registry', '/registry/'])('prefix "%s" is the same', (prefix) => {
  const { key, rangeEnd } = new EtcdKeys(prefix).whole;
  expect([text(key), text(rangeEnd)]).toEqual(['/registry/', '/registry0']);
});

test('keys of another prefix are nobody’s, also of one that begins like ours', () => {
  const keys = new EtcdKeys('/a');
  for (const other of ['/b/pods/x', '/ab/pods/x', '/a', 'compact_rev_key'])
    expect(keys.ours(new TextEncoder().encode(other))).toBeUndefined();
});

test('a range in etcd is of one kind; a wider one has to be looked for', () => {
  const keys = new EtcdKeys('/registry');
  const span = keys.range('/registry/services/', '/registry/services/default/b')!;
  expect([text(span.key), text(span.rangeEnd)]).toEqual([
    '/registry/services/specs/default/b',
    '/registry/services/specs0',
  ]);
  expect(keys.range('/registry/', '/registry/')).toBeUndefined();
  expect(keys.range('/', '/')).toBeUndefined();
});

test.each([
  ['http://127.0.0.1:2379', ['127.0.0.1:2379 plain']],
  ['https://a.example:2379, https://[::1]:4001/', ['a.example:2379 tls', '[::1]:4001 tls']],
  ['https://a.example:443', ['a.example:443 tls']],
  ['http://a.example', ['a.example:2379 plain']],
])('--etcd-servers %s', (list, expected) => {
  expect(etcdEndpointsOf(list).map(({ address, tls }) => `${address} ${tls ? 'tls' : 'plain'}`)).toEqual(expected);
});

test.each([
  '',
  'a.example:2379',
  'unix:///x',
  'http://a/b',
  'http://u:p@a:1',
  'http://a:1?x',
  'http://a:1,',
  'http://a:99999',
])('--etcd-servers %j is refused', (list) => expect(() => etcdEndpointsOf(list)).toThrow(RangeError));

test.each([
  ['3.4.23', false],
  ['3.4.31', true],
  ['3.5.12', false],
  ['3.5.13', true],
  ['3.6.0-rc.1', true],
  ['4.0.0', true],
  ['3.3.27', false],
])('etcd %s answers progress requests in order: %s', (version, expected) => expect(isSince(version)).toBe(expected));

test.each([
  ['UNAVAILABLE', 'etcdserver: no leader', 'undone'],
  ['UNAVAILABLE', 'No connection established. Last error: connect ECONNREFUSED', 'undone'],
  ['RESOURCE_EXHAUSTED', 'etcdserver: too many requests', 'undone'],
  ['UNAVAILABLE', 'etcdserver: leader changed', 'unknown'],
  ['UNAVAILABLE', 'etcdserver: request timed out', 'unknown'],
  ['UNAVAILABLE', 'Connection dropped', 'unknown'],
  ['DEADLINE_EXCEEDED', 'Deadline exceeded after 1s', 'unknown'],
  ['RESOURCE_EXHAUSTED', 'etcdserver: mvcc: database space exceeded', 'refused'],
  ['OUT_OF_RANGE', 'etcdserver: mvcc: required revision has been compacted', 'refused'],
  ['PERMISSION_DENIED', 'etcdserver: permission denied', 'refused'],
] as const)('a call that fails with %s %s is %s', (code, message, fate) => {
  const error = Object.assign(new Error(message), { code: grpcNumbers[code] });
  expect(fateOf(error)).toBe(fate);
});

const grpcNumbers = {
  DEADLINE_EXCEEDED: 4,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  OUT_OF_RANGE: 11,
  UNAVAILABLE: 14,
};

test.each([
  [8, 'etcdserver: mvcc: database space exceeded', 'Full'],
  [11, 'etcdserver: mvcc: required revision has been compacted', 'Compacted'],
  [11, 'etcdserver: mvcc: required revision is a future revision', 'Future'],
  [3, 'etcdserver: request is too large', 'TooLarge'],
  [15, 'etcdserver: corrupt cluster', 'Corrupt'],
  [7, 'etcdserver: permission denied', 'Unusable'],
])('gRPC %d "%s" is %s', (code, message, expected) => {
  expect(storeErrorOf(Object.assign(new Error(message), { code })).code).toBe(expected);
});

test('who asks for the newest revision while it is being asked gets an answer that was asked for after', async () => {
  const asked: PromiseWithResolvers<number>[] = [];
  const probe = new RevisionProbe(() => {
    const next = Promise.withResolvers<number>();
    asked.push(next);
    return next.promise;
  });
  const first = probe.newest();
  const [second, third] = [probe.newest(), probe.newest()];
  expect(asked).toHaveLength(1);
  asked[0]?.resolve(5);
  expect(await first).toBe(5);
  await Promise.resolve();
  expect(asked).toHaveLength(2);
  asked[1]?.reject(new Error('away'));
  await expect(second).rejects.toThrow('away');
  await expect(third).rejects.toThrow('away');
  const later = probe.newest();
  asked[2]?.resolve(7);
  expect(await later).toBe(7);
});

test('who waits for a revision is told when it is there, or that it took too long', async () => {
  const clock = new FakeClock();
  const waiters = new RevisionWaiters(clock);
  const [seven, nine] = [waiters.wait(7, 100), waiters.wait(9, 100)];
  waiters.reached(8);
  expect(await seven).toBe(true);
  await clock.advance(100);
  expect(await nine).toBe(false);
  expect([waiters.size, clock.pending]).toEqual([0, 0]);
});

test('a lease is shared for as long as its keys live not much longer than asked, and by a thousand', async () => {
  const clock = new FakeClock();
  const granted: string[] = [];
  const read = async (call: (member: never, options: never) => unknown) => {
    const lease = { LeaseGrant: ({ TTL }: { TTL: string }) => ({ ID: String(granted.push(TTL)) }) };
    return call({ lease } as never, {} as never);
  };
  const leases = new Leases({ read } as never, clock);
  const ask = (ttl: number, times = 1) => Promise.all(Array.from({ length: times }, () => leases.leaseFor(ttl)));
  expect(new Set(await ask(3600, 1000))).toEqual(new Set(['1']));
  expect(await ask(3600)).toEqual(['2']);
  await clock.advance(59_000);
  expect(await ask(3600)).toEqual(['2']);
  await clock.advance(2_000);
  expect(await ask(3600)).toEqual(['3']);
  // One of another length leaves it in use.
  expect(await ask(15)).toEqual(['4']);
  expect(await ask(3600)).toEqual(['3']);
  leases.forget('3');
  expect(await ask(3600)).toEqual(['5']);
  expect(granted).toEqual(['3660', '3660', '3660', '16', '3660']);
});

test('who waits for a lease fails with the one that is asked for, and not one after the other', async () => {
  const asked: PromiseWithResolvers<{ ID: string }>[] = [];
  const read = () => {
    const answer = Promise.withResolvers<{ ID: string }>();
    asked.push(answer);
    return answer.promise;
  };
  const leases = new Leases({ read } as never, new FakeClock());
  const first = Array.from({ length: 100 }, () => leases.leaseFor(60));
  asked[0]?.reject(new StoreError('Unavailable', 'away'));
  const ends = await Promise.allSettled(first);
  expect(ends.every(({ status }) => status === 'rejected')).toBe(true);
  expect(asked).toHaveLength(1);
  const next = [leases.leaseFor(60), leases.leaseFor(60), leases.leaseFor(5)];
  asked[1]?.resolve({ ID: 'long' });
  asked[2]?.resolve({ ID: 'short' });
  expect(await Promise.all(next)).toEqual(['long', 'long', 'short']);
});

test('a value that comes back is the very one that was sent, until its write is over', () => {
  const pending = new PendingValues();
  const [sent, other] = [new Uint8Array([1, 2]), new Uint8Array([3])];
  {
    using _sent = pending.add('/a', sent);
    using _other = pending.add('/a', other);
    expect(pending.same('/a', new Uint8Array([1, 2]))).toBe(sent);
    expect(pending.same('/b', new Uint8Array([1, 2]))).not.toBe(sent);
  }
  const back = new Uint8Array([1, 2]);
  expect(pending.same('/a', back)).toBe(back);
});

test.each([
  [
    'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ',
    'connect ECONNREFUSED 127.0.0.1:1',
  ],
  ['Name resolution failed for target dns:nowhere:2379', 'Name resolution failed for target dns:nowhere:2379'],
  ['etcdserver: no leader', 'etcdserver: no leader'],
  ['Failed to connect (2026-11-22T03:58:44.967Z)', 'Failed to connect'],
  [
    '4043AB:error:0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert bad certificate:../rec_layer_s3.c:918:SSL alert number 42\n (2026-11-22T03:58:13.421Z)',
    'it does not take our certificate (bad certificate): see --etcd-certfile and --etcd-keyfile',
  ],
  [
    'unable to verify the first certificate; if the root CA is installed locally, try running Node.js with --use-system-ca',
    'its certificate is of an authority that is not trusted (unable to verify the first certificate): see --etcd-cafile',
  ],
  ['certificate has expired (2026-11-22T03:58:13.421Z)', 'its certificate has expired'],
  [
    '40C3:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../tlsany_meth.c:78:\n (2026-11-22T03:58:13.421Z)',
    'it does not speak TLS: is it http?',
  ],
])('%j is told as %j', (message, words) => {
  expect(connectionWords(message)).toBe(words);
});

/** An etcd with so many keys of so many bytes each, which goes on being written, and what it was asked for. */
function anEtcdOf(count: number, bytes: number) {
  const all = Array.from({ length: count }, (_, i) => `/registry/things/${String(i).padStart(6, '0')}`);
  const asked: { limit: number; revision: string | undefined }[] = [];
  let newest = 100;
  const Range = async ({ key, limit, revision }: { key: Uint8Array; limit: string; revision?: string }) => {
    asked.push({ limit: Number(limit), revision });
    const left = all.filter((each) => each >= text(key));
    const kvs = left.slice(0, Number(limit)).map((each) => ({ key: Buffer.from(each), value: new Uint8Array(bytes) }));
    return { header: { revision: String(newest++) }, kvs, more: left.length > kvs.length, count: String(left.length) };
  };
  const client = { read: (call: (member: object) => unknown) => call({ kv: { Range } }) } as unknown as EtcdClient;
  return { client, all, asked };
}

test('many keys come in pages of one revision, each as large as a turn of the event loop has room for', async () => {
  const { client, all, asked } = anEtcdOf(6_000, 100);
  const pages = await Array.fromAsync(pagesOf(client, new EtcdKeys('/registry').whole));
  expect(pages.flatMap(({ kvs }) => kvs.map(({ key }) => text(key)))).toEqual(all);
  expect(pages.map(({ revision }) => revision)).toEqual(pages.map(() => 100));
  expect(pages[0]?.count).toBe(6_000);
  expect(asked.map(({ revision }) => revision)).toEqual([undefined, '100', '100', '100']);
  expect(asked.map(({ limit }) => limit)).toEqual([500, 2_000, 2_000, 2_000]);
});

test('of large values a page has few, and no page has more than is wanted', async () => {
  const { client, asked } = anEtcdOf(700, 512 * 1024);
  const wanted = { ...new EtcdKeys('/registry').whole, revision: 7, limit: 507 };
  const pages = await Array.fromAsync(pagesOf(client, wanted));
  expect(pages.map(({ kvs }) => kvs.length)).toEqual([500, 4, 3]);
  expect(asked.map(({ revision }) => revision)).toEqual(['7', '7', '7']);
});
