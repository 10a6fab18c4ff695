import { createDecipheriv, randomBytes } from 'node:crypto';
import { silentLogger, systemClock, systemRng } from '@berth/kit';
import { KubeClient, type KubeObject, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { createApiServer, definitions, MemoryStore } from '../../orchestrator/src/index.ts';
import { anAuthority } from '../harness/api-server.ts';
import { aFile } from '../harness/kubeconfig-file.ts';

/** The form of stored values, and the words, are upstream's (apiserver pkg/storage/value). */

const secretOf = (bytes: number) => randomBytes(bytes).toString('base64');
const [one, two] = [secretOf(32), secretOf(16)];
const gcm = (...keys: { name: string; secret: string }[]) => ({ aesgcm: { keys } });
const cbc = (...keys: { name: string; secret: string }[]) => ({ aescbc: { keys } });
const box = (...keys: { name: string; secret: string }[]) => ({ secretbox: { keys } });
const identity = { identity: {} };
const data = { password: Buffer.from('hunter2').toString('base64') };

function configuration(providers: readonly object[], names: readonly string[] = ['secrets']) {
  const resources = [{ resources: names, providers }];
  return aFile(JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources }));
}

/** An API server on a store that outlives it. */
async function serve(store: MemoryStore, providers?: readonly object[], names?: readonly string[]) {
  using file = providers ? configuration(providers, names) : undefined;
  const server = await createApiServer({
    store,
    definitions,
    clock: systemClock,
    rng: systemRng,
    log: silentLogger,
    nodeApi: () => undefined,
    ...(file ? { encryptionConfigFile: file.path } : {}),
  });
  const client = new KubeClient(server.transport());
  return {
    client,
    listen: (options: Parameters<typeof server.listen>[0]) => server.listen(options),
    make: (name: string) => client.create(resources.secrets, { metadata: { name, namespace: 'default' }, data }),
    get: (name: string) => client.get(resources.secrets, { namespace: 'default', name }) as Promise<KubeObject & { data: object }>,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const stored = async (store: MemoryStore, name: string, plural = 'secrets') =>
  Buffer.from((await store.get(`/registry/${plural}/default/${name}`))?.value ?? []);

test('a secret lies in the store as upstream would have written it', async () => {
  await using store = new MemoryStore({ clock: systemClock });
  await using server = await serve(store, [gcm({ name: 'k1', secret: one }), identity]);
  await server.make('s');
  const bytes = await stored(store, 's');
  const prefix = 'k8s:enc:aesgcm:v1:k1:';
  expect(bytes.subarray(0, prefix.length).toString()).toBe(prefix);
  expect(bytes.includes('hunter2') || bytes.includes(data.password)).toBe(false);
  const rest = bytes.subarray(prefix.length);
  const decipher = createDecipheriv('aes-256-gcm', Buffer.from(one, 'base64'), rest.subarray(0, 12));
  decipher.setAAD(Buffer.from('/registry/secrets/default/s')).setAuthTag(rest.subarray(-16));
  const plain = Buffer.concat([decipher.update(rest.subarray(12, -16)), decipher.final()]);
  expect(JSON.parse(plain.toString())).toMatchObject({ kind: 'Secret', data });
  expect(await server.get('s')).toMatchObject({ data });
  // Others are as they were.
  await server.client.create(resources.configmaps, { metadata: { name: 'c', namespace: 'default' } });
  expect((await stored(store, 'c', 'configmaps')).toString()).toMatch(/^\{"kind":"ConfigMap"/);
});

test('a server that was given no keys says that it cannot read what is encrypted', async () => {
  await using store = new MemoryStore({ clock: systemClock });
  {
    await using sealing = await serve(store, [gcm({ name: 'k1', secret: one })]);
    await sealing.make('s');
  }
  await using plain = await serve(store);
  await expect(plain.client.update(resources.secrets, { metadata: { name: 's', namespace: 'default' }, data })).rejects.toThrow(
    'unable to transform key "/registry/secrets/default/s": identity transformer tried to read encrypted data',
  );
  // Nor are its bytes sent, which nobody looks at on their way.
  for (const path of ['/api/v1/namespaces/default/secrets/s', '/api/v1/secrets'])
    await expect(plain.client.raw({ method: 'GET', path })).rejects.toThrow('tried to read encrypted data');
});

test('keys are rotated by writing what is there once more, and plain data is taken over', async () => {
  await using store = new MemoryStore({ clock: systemClock });
  const rewrite = async (server: Awaited<ReturnType<typeof serve>>) => {
    for (const secret of (await server.client.list(resources.secrets)).items)
      await server.client.update(resources.secrets, secret);
  };
  {
    await using plain = await serve(store);
    for (const name of ['a', 'b']) await plain.make(name);
  }
  const before = await stored(store, 'a');
  {
    await using first = await serve(store, [cbc({ name: 'old', secret: two }), identity]);
    expect(await first.get('a')).toMatchObject({ data });
    expect(await stored(store, 'a')).toEqual(before);
    await rewrite(first);
    const { resourceVersion } = (await first.get('a')).metadata;
    // What lies there as it shall is not written again.
    await rewrite(first);
    expect((await first.get('a')).metadata.resourceVersion).toBe(resourceVersion);
  }
  for (const name of ['a', 'b']) expect((await stored(store, name)).toString('latin1')).toMatch(/^k8s:enc:aescbc:v1:old:/);
  {
    await using second = await serve(store, [gcm({ name: 'new', secret: one }), cbc({ name: 'old', secret: two })]);
    expect(await second.get('b')).toMatchObject({ data });
    await rewrite(second);
  }
  for (const name of ['a', 'b']) expect((await stored(store, name)).toString('latin1')).toMatch(/^k8s:enc:aesgcm:v1:new:/);
  {
    await using third = await serve(store, [box({ name: 'last', secret: one }), gcm({ name: 'new', secret: one })]);
    await rewrite(third);
  }
  for (const name of ['a', 'b']) expect((await stored(store, name)).toString('latin1')).toMatch(/^k8s:enc:secretbox:v1:last:/);
  {
    await using back = await serve(store, [identity, box({ name: 'last', secret: one })]);
    await rewrite(back);
  }
  expect((await stored(store, 'a')).toString()).toMatch(/^\{"kind":"Secret"/);
});

test.each([
  ['a key of another name', [gcm({ name: 'other', secret: one })], 'no matching key was found for the provided AES transformer'],
  ['another key of that name', [gcm({ name: 'k1', secret: two })], 'cipher: message authentication failed'],
  ['another provider', [cbc({ name: 'k1', secret: one })], 'no matching prefix found'],
  ['no provider', [identity], 'no matching prefix found'],
])('with %s a secret cannot be read, and nothing else is harmed', async (_what, providers, why) => {
  await using store = new MemoryStore({ clock: systemClock });
  {
    await using server = await serve(store, [gcm({ name: 'k1', secret: one })]);
    await server.make('s');
  }
  const before = await stored(store, 's');
  await using server = await serve(store, providers);
  const failed = async (call: Promise<unknown>) => call.then(() => 'done', (error) => [error.status.code, error.message]);
  expect(await failed(server.get('s'))).toEqual([500, `Internal error occurred: ${why}`]);
  expect(await failed(server.client.list(resources.secrets))).toEqual([
    500,
    `Internal error occurred: unable to transform key "/registry/secrets/default/s": ${why}`,
  ]);
  expect(await failed(server.client.delete(resources.secrets, { namespace: 'default', name: 's' }))).toMatchObject([500, {}]);
  expect(await stored(store, 's')).toEqual(before);
  expect(await failed(server.make('another'))).toBe('done');
  expect(await server.get('another')).toMatchObject({ data });
  expect(await failed(server.client.create(resources.configmaps, { metadata: { name: 'c', namespace: 'default' } }))).toBe('done');
});

test('a server starts and serves where what it wrote at its start before is sealed with a key that is gone', async () => {
  await using store = new MemoryStore({ clock: systemClock });
  const authority = await anAuthority();
  const listening = async (server: Awaited<ReturnType<typeof serve>>) => {
    await using listener = await server.listen({ address: '127.0.0.1', port: 0, ...(await authority.issue('CN=berth', 'server')), clientCa: authority.cert });
    return listener.port;
  };
  {
    await using server = await serve(store, [gcm({ name: 'k1', secret: one })], ['configmaps']);
    await listening(server);
  }
  await using server = await serve(store, [gcm({ name: 'k2', secret: two })], ['configmaps']);
  expect(await listening(server)).toBeGreaterThan(0);
  const told = server.client.get(resources.configmaps, { namespace: 'kube-system', name: 'extension-apiserver-authentication' });
  await expect(told).rejects.toThrow('no matching key was found for the provided AES transformer');
  await server.make('s');
});

test('a value that was moved to another key is not taken for its own', async () => {
  await using store = new MemoryStore({ clock: systemClock });
  await using server = await serve(store, [gcm({ name: 'k1', secret: one })]);
  await server.make('s');
  await store.write({ key: '/registry/secrets/default/t', value: await stored(store, 's') });
  await expect(server.get('t')).rejects.toThrow('Internal error occurred: cipher: message authentication failed');
});

test('watchers of what is encrypted see it', async () => {
  await using store = new MemoryStore({ clock: systemClock });
  await using server = await serve(store, [gcm({ name: 'k1', secret: one })], ['*.*']);
  const end = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { type, object } of server.client.watch(resources.secrets, { namespace: 'default' }, end.signal)) {
      seen.push(`${type} ${object.metadata.name}`);
      if (type === 'DELETED') end.abort();
    }
  })().catch(() => undefined);
  await server.make('s');
  await server.client.delete(resources.secrets, { namespace: 'default', name: 's' });
  await watching;
  expect(seen).toEqual(['ADDED s', 'DELETED s']);
  expect((await stored(store, 'default', 'serviceaccounts')).length).toBe(0);
  expect(Buffer.from((await store.get('/registry/namespaces/default'))?.value ?? []).toString('latin1')).toMatch(/^k8s:enc:aesgcm/);
});

test.each<[unknown, string]>([
  [{ kind: 'Pod' }, 'is no EncryptionConfiguration of apiserver.config.k8s.io/v1'],
  [{ resources: [] }, 'resources: Required value: at least one resources is required'],
  [{ resources: [{ resources: ['secrets'], providers: [gcm({ name: 'k', secret: 'AAAA' })] }] }, 'resources[0].providers[0].aesgcm.keys[0].secret: Invalid value: "REDACTED": secret is not of the expected length, got 3, expected one of [16 24 32]'],
  [{ resources: [{ resources: ['secrets'], providers: [box({ name: 'k', secret: two })] }] }, 'resources[0].providers[0].secretbox.keys[0].secret: Invalid value: "REDACTED": secret is not of the expected length, got 16, expected one of [32]'],
  [{ resources: [{ resources: ['secrets'], providers: [gcm({ name: 'k', secret: '***' })] }] }, 'resources[0].providers[0].aesgcm.keys[0].secret: Invalid value: "REDACTED": secrets must be base64 encoded'],
  [{ resources: [{ resources: ['Secrets'], providers: [identity] }] }, 'resources[0].resources[0]: Invalid value: "Secrets": resource name should not contain capital letters'],
  [{ resources: [{ resources: ['secrets'], providers: [{ ...identity, ...gcm({ name: 'k', secret: one }) }] }] }, 'resources[0].providers[0]: more than one provider specified in a single element, should split into different list elements'],
  [{ resources: [{ resources: ['secrets', '*.'], providers: [identity] }] }, "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed"],
  [{ resources: [{ resources: ['*.*'], providers: [identity] }, { resources: ['secrets'], providers: [identity] }] }, 'resource "secrets" is masked by earlier rule "*.*"'],
])('a configuration of %j stops the start', async (fields, words) => {
  await using store = new MemoryStore({ clock: systemClock });
  const common = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration' };
  using file = aFile(JSON.stringify({ ...common, ...(fields as object) }));
  const started = createApiServer({
    store,
    definitions,
    clock: systemClock,
    rng: systemRng,
    log: silentLogger,
    nodeApi: () => undefined,
    encryptionConfigFile: file.path,
  });
  await expect(started).rejects.toThrow(words);
  await expect(started).rejects.not.toThrow(/AAAA|\*\*\*/);
});
