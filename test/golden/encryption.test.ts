import { createDecipheriv, randomBytes } from 'node:crypto';
import { silentLogger, systemClock, systemRng } from '@berth/kit';
import { KubeClient, type KubeObject, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import type { EncryptionOptions } from '../../orchestrator/src/api-server/encryption/with-encrypted-store.ts';
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

const common = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration' };
const textOf = (resources: readonly object[]) => JSON.stringify({ ...common, resources });

function configuration(providers: readonly object[], names: readonly string[] = ['secrets']) {
  return aFile(textOf([{ resources: names, providers }]));
}

/** An API server on a store that outlives it. */
async function serve(store: MemoryStore, providers?: readonly object[], names?: readonly string[]) {
  using file = providers ? configuration(providers, names) : undefined;
  return await serveFile(store, file && { configFile: file.path, reload: false });
}

async function serveFile(store: MemoryStore, encryption?: EncryptionOptions) {
  const server = await createApiServer({
    store,
    definitions,
    clock: systemClock,
    rng: systemRng,
    log: silentLogger,
    nodeApi: () => undefined,
    ...(encryption ? { encryption } : {}),
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

test('a configuration by its name of long ago is read, as by upstream', async () => {
  await using store = new MemoryStore({ clock: systemClock });
  const resources = [{ resources: ['secrets'], providers: [gcm({ name: 'k1', secret: one })] }];
  using file = aFile(JSON.stringify({ apiVersion: 'v1', kind: 'EncryptionConfig', resources }));
  await using server = await serveFile(store, { configFile: file.path, reload: false });
  await server.make('s');
  expect((await stored(store, 's')).toString('latin1')).toMatch(/^k8s:enc:aesgcm:v1:k1:/);
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

test('keys are rotated while the server runs; a file that is wrong changes nothing', async () => {
  await using store = new MemoryStore({ clock: systemClock });
  using file = configuration([gcm({ name: 'old', secret: one }), identity]);
  await using server = await serveFile(store, { configFile: file.path, reload: true });
  const asked = async (path: string) => (await server.client.raw({ method: 'GET', path })) as string;
  const count = async (status: string) => {
    const name = `apiserver_encryption_config_controller_automatic_reloads_total{status="${status}"}`;
    return Number((await asked('/metrics')).split('\n').find((line) => line.startsWith(name))?.split(' ')[1]);
  };
  const prefixOf = async (name: string) => /^(?:[^:]*:){5}/.exec((await stored(store, name)).toString('latin1'))?.[0];
  expect(await asked('/readyz?verbose')).toContain('[+]kms-providers ok\n');
  await server.make('a');
  await server.client.create(resources.configmaps, { metadata: { name: 'c', namespace: 'default' } });

  file.replace(textOf([{ resources: ['secrets'], providers: [kms] }]));
  await expect.poll(() => count('failure')).toBe(1);
  await server.make('b');
  for (const name of ['a', 'b']) expect(await prefixOf(name)).toBe('k8s:enc:aesgcm:v1:old:');

  const providers = [box({ name: 'new', secret: one }), gcm({ name: 'old', secret: one }), identity];
  file.replace(textOf([{ resources: ['secrets', 'configmaps'], providers }]));
  await expect.poll(() => count('success')).toBe(1);
  await server.make('c');
  expect([await prefixOf('a'), await prefixOf('c')]).toEqual(['k8s:enc:aesgcm:v1:old:', 'k8s:enc:secretbox:v1:new:']);
  // Also what the server has in memory since before.
  for (const kind of [resources.secrets, resources.configmaps])
    for (const item of (await server.client.list(kind, { namespace: 'default' })).items) await server.client.update(kind, item);
  for (const name of ['a', 'b', 'c']) expect(await prefixOf(name)).toBe('k8s:enc:secretbox:v1:new:');
  expect((await stored(store, 'c', 'configmaps')).toString('latin1')).toMatch(/^k8s:enc:secretbox/);
  // What lies there as it shall is not written again.
  const { resourceVersion } = (await server.get('c')).metadata;
  await server.client.update(resources.secrets, { metadata: { name: 'c', namespace: 'default' }, data });
  expect((await server.get('c')).metadata.resourceVersion).toBe(resourceVersion);

  file.replace(textOf([{ resources: ['secrets', 'configmaps'], providers: [box({ name: 'new', secret: one })] }]));
  await expect.poll(() => count('success')).toBe(2);
  for (const name of ['a', 'b', 'c']) expect(await server.get(name)).toMatchObject({ data });
});

const kms = { kms: { apiVersion: 'v2', name: 'k', endpoint: 'unix:///k.sock' } };
const secrets = { resources: ['secrets'], providers: [identity] };

/** Upstream's words, but for KMS providers, which it has, and secrets of a provider, which it shows. */
test.each<[string, string]>([
  ['', 'error while parsing file: error while loading file: encryption provider configuration file "FILE" is empty'],
  ['a: [b', 'error while parsing file: error decoding encryption provider configuration file "FILE": yaml: line 1: did not find expected \',\' or \']\''],
  [JSON.stringify({ ...common, kind: 'Foo' }), 'error while parsing file: error decoding encryption provider configuration file "FILE": no kind "Foo" is registered for version "apiserver.config.k8s.io/v1" in scheme "pkg/runtime/scheme.go:111"'],
  [JSON.stringify({ kind: 'EncryptionConfiguration', AAAA: 1 }), 'error while parsing file: error decoding encryption provider configuration file "FILE": Object \'apiVersion\' is missing in \'REDACTED\''],
  [JSON.stringify({ ...common, foo: 1, resources: [secrets] }), 'error while parsing file: error decoding encryption provider configuration file "FILE": strict decoding error: unknown field "foo"'],
  [textOf([]), 'error while parsing file: resources: Required value: at least one resources is required'],
  [
    textOf([
      { resources: [], providers: [] },
      {
        resources: ['secrets'],
        providers: [
          {},
          { ...identity, ...gcm({ name: 'k', secret: 'AAAA' }) },
          gcm(),
          cbc({ name: '', secret: '' }, { name: 'a', secret: '***' }, { name: 'b', secret: 'AAAA' }, { name: 'c', secret: two }),
          box({ name: 'a', secret: two }),
          kms,
        ],
      },
    ]),
    'error while parsing file: [resources[0].resources: Required value: at least one resources[0].resources is required, ' +
      'resources[0].providers: Required value: at least one resources[0].providers is required, ' +
      'resources[1].providers[0]: Invalid value: {"AESGCM":null,"AESCBC":null,"Secretbox":null,"Identity":null,"KMS":null}: provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity, ' +
      'resources[1].providers[1]: Invalid value: {"AESGCM":{"Keys":[{"Name":"k","Secret":"REDACTED"}]},"AESCBC":null,"Secretbox":null,"Identity":{},"KMS":null}: more than one provider specified in a single element, should split into different list elements, ' +
      'resources[1].providers[1].aesgcm.keys[0].secret: Invalid value: "REDACTED": secret is not of the expected length, got 3, expected one of [16 24 32], ' +
      'resources[1].providers[2].aesgcm.keys: Required value: at least one keys is required, ' +
      'resources[1].providers[3].aescbc.keys[0].name: Required value: name is a mandatory field for a key, ' +
      'resources[1].providers[3].aescbc.keys[0].secret: Required value: secret is a mandatory field for a key, ' +
      'resources[1].providers[3].aescbc.keys[1].secret: Invalid value: "REDACTED": secrets must be base64 encoded, ' +
      'resources[1].providers[3].aescbc.keys[2].secret: Invalid value: "REDACTED": secret is not of the expected length, got 3, expected one of [16 24 32], ' +
      'resources[1].providers[4].secretbox.keys[0].secret: Invalid value: "REDACTED": secret is not of the expected length, got 16, expected one of [32], ' +
      'resources[1].providers[5].kms: Forbidden: this server has no KMS providers, but those that have keys]',
  ],
  [
    textOf([{ ...secrets, resources: ['Secrets', 'serviceipallocations', 'events.events.k8s.io', 'networkpolicies.extensions', 'pods.*'] }]),
    'error while parsing file: [resources[0].resources[0]: Invalid value: "Secrets": resource name should not contain capital letters, ' +
      'resources[0].resources[1]: Invalid value: "serviceipallocations": resources which do not have REST API/s cannot be encrypted, ' +
      'resources[0].resources[2]: Invalid value: "events.events.k8s.io": \'*.events.k8s.io\' objects are stored using the \'events\' API group in etcd. Use \'events\' instead in the config file, ' +
      'resources[0].resources[3]: Invalid value: "networkpolicies.extensions": \'extensions\' group has been removed and cannot be used for encryption, ' +
      'resources[0].resources[4]: Invalid value: "pods.*": encrypting the same resource across groups is not supported]',
  ],
  [
    textOf([{ ...secrets, resources: ['*'] }]),
    'error while parsing file: resources[0].resources[0]: Invalid value: "*": use \'*.\' to encrypt all the resources from core API group or *.* to encrypt all resources',
  ],
  [
    textOf([{ ...secrets, resources: ['secrets', 'secrets'] }]),
    'error while parsing file: resources[0].resources: Invalid value: ["secrets","secrets"]: the same resource cannot be specified multiple times',
  ],
  ...[['*.', 'secrets'], ['deployments.apps', '*.apps'], ['secrets', '*.*']].map((names): [string, string] => [
    textOf([{ ...secrets, resources: names }]),
    `error while parsing file: resources[0].resources: Invalid value: ${JSON.stringify(names)}: using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked`,
  ]),
  [textOf([{ ...secrets, resources: ['*.*'] }, secrets]), 'error while building transformers: resource "secrets" is masked by earlier rule "*.*"'],
])('a configuration of %s stops the start', async (text, words) => {
  await using store = new MemoryStore({ clock: systemClock });
  using file = aFile(text);
  const started = serveFile(store, { configFile: file.path, reload: false });
  await expect(started).rejects.toThrow(new RangeError(words.replace('FILE', file.path)));
});
