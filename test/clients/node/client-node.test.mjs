// What programs do with @kubernetes/client-node, against the server that KUBECONFIG names.
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import * as k8s from '@kubernetes/client-node';

const config = new k8s.KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(k8s.CoreV1Api);
const merge = k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch);

let made = 0;
async function aNamespace() {
  const name = `node-${++made}`;
  await core.createNamespace({ body: { metadata: { name } } });
  after(() => core.deleteNamespace({ name }));
  return name;
}

const colored = (name, color = 'red') => ({ metadata: { name, labels: { color } }, data: { key: name } });

async function eventually(check) {
  for (const end = performance.now() + 30_000; performance.now() < end; await sleep(10)) {
    const answer = await check();
    if (answer) return answer;
  }
  throw new Error(`did not come about: ${check}`);
}

/** What a request that must fail was answered. */
async function failure(request) {
  const error = await request.then(
    () => assert.fail('it succeeded'),
    (reason) => reason,
  );
  assert.ok(error instanceof k8s.ApiException, `${error}`);
  const body = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
  return { code: error.code, reason: body.reason, message: body.message, details: body.details };
}

test('typed clients create, read, patch, replace and delete, and read all that is answered into their models', async () => {
  const namespace = await aNamespace();
  const one = await core.createNamespacedConfigMap({ namespace, body: colored('one') });
  assert.ok(one.metadata.creationTimestamp instanceof Date);
  assert.equal(
    (await failure(core.createNamespacedConfigMap({ namespace, body: colored('one') }))).reason,
    'AlreadyExists',
  );
  const place = { name: 'one', namespace };
  const patched = await core.patchNamespacedConfigMap({ ...place, body: { data: { key: null, more: 'x' } } }, merge);
  assert.deepEqual(patched.data, { more: 'x' });
  const operations = [{ op: 'add', path: '/data/listed', value: 'y' }];
  const jsonPatch = k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.JsonPatch);
  assert.equal((await core.patchNamespacedConfigMap({ ...place, body: operations }, jsonPatch)).data.listed, 'y');
  const conflict = await failure(core.replaceNamespacedConfigMap({ ...place, body: one }));
  assert.equal(conflict.code, 409);
  assert.match(conflict.message, /the object has been modified/);
  const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one' }, data: { more: 'z' } };
  const apply = k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.ServerSideApply);
  const request = { ...place, body: applied, fieldManager: 'node' };
  assert.match(
    (await failure(core.patchNamespacedConfigMap(request, apply))).message,
    /conflict with .*: \.data\.more/,
  );
  assert.equal((await core.patchNamespacedConfigMap({ ...request, force: true }, apply)).data.more, 'z');
  assert.equal((await core.deleteNamespacedConfigMap(place)).status, 'Success');
  assert.equal((await failure(core.readNamespacedConfigMap(place))).reason, 'NotFound');
  const wrong = { metadata: { name: 'Wrong!' } };
  const invalid = await failure(core.createNamespacedConfigMap({ namespace, body: wrong }));
  assert.deepEqual([invalid.code, invalid.details.causes[0].field], [422, 'metadata.name']);
});

test('lists come in pages, and other groups have clients too', async () => {
  const namespace = await aNamespace();
  for (let i = 0; i < 5; i++) await core.createNamespacedConfigMap({ namespace, body: colored(`m-${i}`) });
  const names = [];
  let _continue;
  do {
    const page = await core.listNamespacedConfigMap({ namespace, labelSelector: 'color', limit: 2, _continue });
    names.push(...page.items.map(({ metadata }) => metadata.name));
    _continue = page.metadata._continue;
  } while (_continue);
  assert.deepEqual(names, ['m-0', 'm-1', 'm-2', 'm-3', 'm-4']);
  const roles = await config.makeApiClient(k8s.RbacAuthorizationV1Api).listClusterRole();
  assert.ok(roles.items.some(({ metadata }) => metadata.name === 'cluster-admin'));
  const { gitVersion } = await config.makeApiClient(k8s.VersionApi).getCode();
  assert.match(gitVersion, /^v1\.36\./);
  const classes = await config.makeApiClient(k8s.StorageV1Api).listStorageClass();
  assert.equal(classes.kind, 'StorageClassList');
});

test('an informer sees what is there, what comes, what changes and what goes', async () => {
  const namespace = await aNamespace();
  await core.createNamespacedConfigMap({ namespace, body: colored('a') });
  const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: 'color=red' });
  const informer = k8s.makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`, list, 'color=red');
  const told = [];
  for (const verb of ['add', 'update', 'delete'])
    informer.on(verb, ({ metadata }) => told.push(`${verb} ${metadata.name}`));
  informer.on('error', (error) => told.push(`error ${error}`));
  await informer.start();
  try {
    await core.createNamespacedConfigMap({ namespace, body: colored('b') });
    await eventually(() => told.length === 2);
    await core.patchNamespacedConfigMap({ name: 'b', namespace, body: { data: { key: 'c' } } }, merge);
    await core.patchNamespacedConfigMap(
      { name: 'a', namespace, body: { metadata: { labels: { color: 'blue' } } } },
      merge,
    );
    await core.deleteNamespacedConfigMap({ name: 'b', namespace });
    await eventually(() => told.length === 5);
    assert.deepEqual(told, ['add a', 'add b', 'update b', 'delete a', 'delete b']);
    assert.deepEqual(informer.list(), []);
  } finally {
    await informer.stop();
  }
});

test('a watch of a revision that is gone says so', async () => {
  const namespace = await aNamespace();
  const watch = new k8s.Watch(config);
  const ended = Promise.withResolvers();
  const events = [];
  const query = { resourceVersion: '1', timeoutSeconds: 1 };
  await watch.watch(
    `/api/v1/namespaces/${namespace}/configmaps`,
    query,
    (type, object) => events.push([type, object.kind]),
    ended.resolve,
  );
  await ended.promise;
  // Either it is still known, and everything since then comes, or the answer is 410.
  assert.ok(
    events.every(([type, kind]) => (type === 'ERROR' ? kind === 'Status' : kind === 'ConfigMap')),
    `${events}`,
  );
});

test('objects of any kind are made by what they say they are, custom ones too', async () => {
  const namespace = await aNamespace();
  const objects = k8s.KubernetesObjectApi.makeApiClient(config);
  const group = 'node.berth.test';
  const schema = {
    type: 'object',
    // The client's name for it.
    properties: { spec: { type: 'object', properties: { color: { type: 'string', _default: 'red' } } } },
  };
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `toads.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'toads', kind: 'Toad' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };
  await objects.create(definition);
  after(() => objects.delete(definition));
  const toad = { apiVersion: `${group}/v1`, kind: 'Toad', metadata: { name: 'one', namespace }, spec: {} };
  await eventually(() =>
    objects.list(toad.apiVersion, 'Toad', namespace).then(
      () => true,
      () => false,
    ),
  );
  assert.equal((await objects.create(toad)).spec.color, 'red');
  const patch = { ...toad, spec: { color: 'green' } };
  const patched = await objects.patch(patch, undefined, undefined, 'node', undefined, k8s.PatchStrategy.MergePatch);
  assert.equal(patched.spec.color, 'green');
  assert.equal((await objects.read(toad)).metadata.uid, patched.metadata.uid);
  const custom = config.makeApiClient(k8s.CustomObjectsApi);
  const place = { group, version: 'v1', namespace, plural: 'toads' };
  assert.equal((await custom.listNamespacedCustomObject(place)).items.length, 1);
  await objects.delete(toad);
  assert.equal((await failure(objects.read(toad))).code, 404);
});

test('yaml is loaded, and its quantities and times survive', async () => {
  const namespace = await aNamespace();
  const claim = k8s.loadYaml(
    'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: { name: data }\nspec: { storageClassName: none, accessModes: [ReadWriteOnce], resources: { requests: { storage: 1500Mi } } }\n',
  );
  const stored = await core.createNamespacedPersistentVolumeClaim({ namespace, body: claim });
  assert.equal(stored.spec.resources.requests.storage, '1500Mi');
  assert.equal(stored.spec.volumeMode, 'Filesystem');
  const lease = { metadata: { name: 'l' }, spec: { renewTime: new k8s.V1MicroTime('2026-01-02T03:04:05.678901Z') } };
  const held = await config.makeApiClient(k8s.CoordinationV1Api).createNamespacedLease({ namespace, body: lease });
  assert.match(JSON.stringify(held.spec.renewTime), /^"2026-01-02T03:04:05\.678/);
});

const collected = () => {
  const stream = new PassThrough();
  stream.text = '';
  stream.on('data', (chunk) => {
    stream.text += chunk;
  });
  return stream;
};

test('programs run in a container, with input, output apart and exit code', async () => {
  const [out, err, input] = [collected(), collected(), new PassThrough()];
  const ended = Promise.withResolvers();
  const command = ['sh', '-c', 'head -n 1; echo bad >&2; exit 3'];
  await new k8s.Exec(config).exec('default', 'shell', 'c', command, out, err, input, false, ended.resolve);
  input.write('hello\n');
  const status = await ended.promise;
  assert.deepEqual(
    [out.text, err.text, status.status, status.reason],
    ['hello\n', 'bad\n', 'Failure', 'NonZeroExitCode'],
  );
  assert.deepEqual(status.details.causes, [{ reason: 'ExitCode', message: '3' }]);
});

test('logs are read and followed', async () => {
  const log = await core.readNamespacedPodLog({ name: 'shell', namespace: 'default' });
  assert.match(log, /^started$/m);
  const out = collected();
  const abort = await new k8s.Log(config).log('default', 'shell', 'c', out, { follow: true, tailLines: 1 });
  await eventually(() => out.text === 'started\n');
  abort.abort();
});

test("a port of a pod is reached through the server, and the server's metrics are read", async () => {
  const [out, input] = [collected(), new PassThrough()];
  const socket = await new k8s.PortForward(config).portForward('default', 'shell', [80], out, null, input);
  input.write('GET /index.html HTTP/1.0\r\n\r\n');
  await eventually(() => out.text.includes('served'));
  (typeof socket === 'function' ? socket() : socket).close();
  await new k8s.Health(config).readyz({});
});
