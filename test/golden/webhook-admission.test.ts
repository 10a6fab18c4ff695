import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { anAuthority } from '../harness/api-server.ts';
import { type Answerer, aWebhookServer } from '../harness/webhook-server.ts';
import { allow, aWorld, patch, review, type World } from '../harness/webhook-world.ts';

/** The words below are upstream's (apiserver pkg/admission/plugin/webhook). */

test('a webhook is asked in the form of AdmissionReview v1', async () => {
  await using world = await aWorld(allow());
  await world.configure({});
  expect(await world.create('one', {}, '?fieldManager=me&fieldValidation=Strict')).toMatchObject({ status: 201 });
  const [{ path, headers, body }] = world.hooks.asked as [World['hooks']['asked'][number]];
  expect(path).toBe('/check?timeout=10s');
  expect(headers).toMatchObject({ 'content-type': 'application/json', host: `127.0.0.1:${world.hooks.port}` });
  const { uid, object, ...request } = body.request;
  expect(uid).toMatch(/^[0-9a-f-]{36}$/);
  expect(object).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'one', namespace: 'default' }, data: { a: '1' } });
  expect(object.metadata.uid).toBeTruthy();
  expect({ ...body, request }).toEqual({
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      kind: { group: '', version: 'v1', kind: 'ConfigMap' },
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
      requestResource: { group: '', version: 'v1', resource: 'configmaps' },
      name: 'one',
      namespace: 'default',
      operation: 'CREATE',
      userInfo: {
        username: 'admin',
        groups: ['system:masters', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^X509SHA256=[0-9a-f]{64}$/)] },
      },
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'me', fieldValidation: 'Strict' },
    },
  });
});

test.each([
  ['nothing', undefined, 400, '', 'admission webhook "hook.example.com" denied the request without explanation'],
  ['a message', { message: 'no' }, 400, '', 'admission webhook "hook.example.com" denied the request: no'],
  ['a reason', { reason: 'Forbidden', code: 403 }, 403, 'Forbidden', 'admission webhook "hook.example.com" denied the request: Forbidden'],
  ['a code of success', { code: 200, message: 'fine' }, 400, '', 'admission webhook "hook.example.com" denied the request: fine'],
  ['its own code', { code: 429, reason: 'TooManyRequests', message: 'later' }, 429, 'TooManyRequests', 'admission webhook "hook.example.com" denied the request: later'],
])('a refusal that says %s is told in upstream\'s words', async (_what, status, code, reason, message) => {
  await using world = await aWorld(allow({ allowed: false, ...(status ? { status } : {}) }));
  await world.configure({});
  const { status: sent, json } = await world.create('one');
  expect(sent).toBe(code);
  expect(json).toEqual({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(reason ? { reason } : {}),
    code,
  });
  expect(await world.send({ method: 'GET', path: '/api/v1/namespaces/default/configmaps/one' })).toMatchObject({ status: 404 });
});

test.each<[string, Answerer, string]>([
  ['another uid', ({ body }) => ({ ...review(body, { allowed: true }), response: { uid: 'x', allowed: true } }), 'received invalid webhook response: expected response.uid="UID", got "x"'],
  ['no response', ({ body }) => ({ kind: 'AdmissionReview', apiVersion: body.apiVersion }), 'received invalid webhook response: webhook response was absent'],
  ['no kind', ({ body }) => ({ response: { uid: body.request.uid, allowed: true } }), 'received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind='],
  ['a patch of a validating one', ({ body }) => review(body, { allowed: true, ...patch({ op: 'remove', path: '/data' }) }), 'received invalid webhook response: validating webhook may not return response.patch'],
  ['404', (_, response) => void response.writeHead(404).end(), 'failed to call webhook: the server could not find the requested resource'],
  ['500', (_, response) => void response.writeHead(500, { 'content-type': 'text/plain' }).end('boom\n'), 'failed to call webhook: an error on the server ("boom") has prevented the request from succeeding'],
  ['a redirect', (_, response) => void response.writeHead(302, { location: 'https://127.0.0.1/' }).end(), 'failed to call webhook: the server responded with the status code 302 but did not return more information'],
  ['a broken connection', (_, response) => void response.destroy(), 'failed to call webhook: Post "URL/check?timeout=10s": EOF'],
])('a webhook that answers %s fails the request, or is ignored', async (_what, answer, words) => {
  await using world = await aWorld(answer);
  await world.configure({ failurePolicy: 'Fail' });
  const { status, json } = await world.create('one');
  const uid = world.hooks.asked[0]?.body.request.uid;
  const why = `failed calling webhook "hook.example.com": ${words.replace('UID', uid).replace('URL', world.hooks.url)}`;
  expect(status).toBe(500);
  expect(json).toMatchObject({ reason: 'InternalError', message: `Internal error occurred: ${why}`, details: { causes: [{ message: why }] } });
  const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/a';
  const body = [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Ignore' }];
  expect(await world.send({ method: 'PATCH', path, contentType: 'application/json-patch+json', body })).toMatchObject({ status: 200 });
  await expect.poll(async () => (await world.create('one')).status).toBe(201);
});

test('an answer may be YAML, whatever its type is said to be', async () => {
  let answer = '';
  await using world = await aWorld(({ body }, response) => response.end(answer.replace('UID', body.request.uid)) && undefined);
  await world.configure({ mutating: true });
  answer = `kind: AdmissionReview\napiVersion: admission.k8s.io/v1\nresponse:\n  uid: UID\n  allowed: true\n  patchType: JSONPatch\n  patch: ${patch({ op: 'add', path: '/data/b', value: '2' }).patch}\n`;
  expect((await world.create('one')).json.data).toEqual({ a: '1', b: '2' });
  answer = '\ufeff{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":"UID","allowed":true}}';
  expect((await world.create('two')).status).toBe(201);
  answer = 'a: [';
  const failed = 'failed calling webhook "hook.example.com": failed to call webhook: yaml: line 1: did not find expected node content';
  expect((await world.create('three')).json).toMatchObject({ code: 500, message: `Internal error occurred: ${failed}` });
});

test('what is no JSON, or 100 MB of it, fails the request soon', async () => {
  await using world = await aWorld((_, response) => {
    const chunk = Buffer.alloc(1024 * 1024, 0x20);
    let left = 100;
    const more = () => {
      while (left-- > 0) if (!response.write(chunk)) return void response.once('drain', more);
      response.end();
    };
    more();
  });
  await world.configure({});
  const { status, json } = await world.create('one');
  expect(status).toBe(500);
  expect(json.message).toBe(
    'Internal error occurred: failed calling webhook "hook.example.com": failed to call webhook: response body is larger than 16777216 bytes',
  );
});

test('a webhook that hangs is given up after its timeout', async () => {
  await using world = await aWorld(() => undefined);
  await world.configure({ timeoutSeconds: 1 });
  const { status, json } = await world.create('one');
  expect(status).toBe(500);
  expect(json.message).toBe(
    `Internal error occurred: failed calling webhook "hook.example.com": failed to call webhook: Post "${world.hooks.url}/check?timeout=1s": context deadline exceeded`,
  );
});

test('a webhook of an unknown authority, and one that is not there, are told apart', async () => {
  await using world = await aWorld(allow());
  await using other = await aWebhookServer(allow());
  await world.configure({ clientConfig: { url: world.hooks.url, caBundle: other.caBundle } });
  const prefix = 'Internal error occurred: failed calling webhook "hook.example.com": failed to call webhook: ';
  expect((await world.create('one')).json.message).toBe(
    `${prefix}Post "${world.hooks.url}/?timeout=10s": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
  );
  await world.send({ method: 'DELETE', path: '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/a' });
  await world.configure({ configuration: 'b', clientConfig: { service: { namespace: 'default', name: 'none', path: '/x' } } });
  await expect.poll(async () => (await world.create('one')).json.message).toMatch(/none\.default\.svc/);
  expect((await world.create('one')).json.message).toBe(
    `${prefix}Post "https://none.default.svc:443/x?timeout=10s": service "none" not found`,
  );
});

/** Endpoints on a loopback address are refused as such. */
const address = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

test.skipIf(!address)('a webhook behind a Service is called at its endpoints, under its name', async () => {
  await using world = await aWorld(allow(), { names: ['guard.default.svc'], address: '0.0.0.0' });
  const post = (path: string, body: object) => world.send({ method: 'POST', path, body });
  const core = '/api/v1/namespaces/default';
  await world.configure({ clientConfig: { service: { namespace: 'default', name: 'guard', port: 8443 }, caBundle: world.hooks.caBundle } });
  const service = { metadata: { name: 'guard' }, spec: { ports: [{ name: 'https', port: 8443 }] } };
  expect(await post(`${core}/services`, service)).toMatchObject({ status: 201 });
  const failed = await world.create('one');
  expect([failed.status, failed.json.message]).toEqual([500, expect.stringMatching(/no endpoints available for service "guard"$/)]);
  const ports = [{ name: 'other', port: 1 }, { name: 'https', port: world.hooks.port }];
  const slice = { addressType: 'IPv4', endpoints: [{ addresses: [address] }], ports };
  const labels = { 'kubernetes.io/service-name': 'guard' };
  const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
  expect(await post(slices, { metadata: { name: 'guard-1', labels }, ...slice })).toMatchObject({ status: 201 });
  expect(await world.create('one')).toMatchObject({ status: 201 });
  const endpoints = { metadata: { name: 'guard' }, subsets: [{ addresses: [{ ip: address }], ports }] };
  expect(await post(`${core}/endpoints`, endpoints)).toMatchObject({ status: 201 });
  expect(await world.create('two')).toMatchObject({ status: 201 });
  expect(world.hooks.asked[0]).toMatchObject({ serverName: 'guard.default.svc', headers: { host: 'guard.default.svc:8443' } });
});

test('a mutating webhook changes the object, and the next ones see it', async () => {
  await using world = await aWorld(({ body, path }) => {
    const key = path.startsWith('/second') ? 'second' : 'first';
    const seen = Object.keys(body.request.object.data).join(',');
    return review(body, { allowed: true, warnings: [`${key} saw ${seen}`], ...patch({ op: 'add', path: `/data/${key}`, value: seen }) });
  });
  const clientConfig = (path: string) => ({ url: `${world.hooks.url}/${path}`, caBundle: world.hooks.caBundle });
  // By the configurations' names, not by when they were made.
  await world.configure({ mutating: true, configuration: 'b', clientConfig: clientConfig('second') });
  await world.configure({ mutating: true, configuration: 'a', clientConfig: clientConfig('first') });
  const { status, json, headers } = await world.create('one');
  expect(status).toBe(201);
  expect(json.data).toEqual({ a: '1', first: 'a', second: 'a,first' });
  expect(headers['warning']).toBe('299 - "first saw a", 299 - "second saw a,first"');
});

test('a webhook that may be reinvoked is called once more when another changed the object after it', async () => {
  let count = 0;
  await using world = await aWorld(({ body, path }) => {
    count++;
    const operation = path.startsWith('/late')
      ? { op: 'add', path: '/data/late', value: 'x' }
      : { op: 'add', path: '/data/count', value: String(count) };
    return review(body, { allowed: true, ...patch(operation) });
  });
  const clientConfig = (path: string) => ({ url: `${world.hooks.url}/${path}`, caBundle: world.hooks.caBundle });
  await world.configure({ mutating: true, configuration: 'a', clientConfig: clientConfig('early'), reinvocationPolicy: 'IfNeeded' });
  await world.configure({ mutating: true, configuration: 'b', clientConfig: clientConfig('late') });
  const { json } = await world.create('one');
  expect(json.data).toEqual({ a: '1', count: '3', late: 'x' });
  expect(world.hooks.asked.map(({ path }) => path.split('?')[0])).toEqual(['/early', '/late', '/early']);
});

test.each([
  ['a place that is not there', { op: 'replace', path: '/none/x', value: 'x' }, 'replace operation does not apply: doc is missing path: /none/x: missing value'],
  ['a parent that is not there', { op: 'add', path: '/none/at/all', value: 'x' }, 'add operation does not apply: doc is missing path: "/none/at/all": missing value'],
  ['a test that fails', { op: 'test', path: '/data/a', value: '2' }, 'testing value /data/a failed: test failed'],
])('a patch with %s is an internal error', async (_what, operation, why) => {
  await using world = await aWorld(allow(patch(operation)));
  await world.configure({ mutating: true });
  const { status, json } = await world.create('one');
  expect([status, json.message]).toEqual([500, `Internal error occurred: ${why}`]);
});

test('a patch that makes no object of the kind, or one that is invalid, stores nothing', async () => {
  let operation: object = { op: 'replace', path: '', value: 'text' };
  await using world = await aWorld(({ body }) => review(body, { allowed: true, ...patch(operation) }));
  await world.configure({ mutating: true });
  expect(await world.create('one')).toMatchObject({ status: 500 });
  operation = { op: 'add', path: '/data', value: 7 };
  const mistyped = 'json: cannot unmarshal number into Go struct field ConfigMap.data of type map[string]string';
  expect(await world.create('one')).toMatchObject({ status: 500, json: { message: `Internal error occurred: ${mistyped}` } });
  operation = { op: 'add', path: '/data/..', value: 'x' };
  expect(await world.create('one')).toMatchObject({ status: 422 });
  operation = { op: 'replace', path: '/kind', value: 'Secret' };
  expect(await world.create('one')).toMatchObject({ status: 500 });
  operation = { op: 'add', path: '/metadata/__proto__', value: { labels: { x: 'y' } } };
  expect(({} as { labels?: object }).labels).toBeUndefined();
  const { json } = await world.create('one');
  expect(json.metadata.labels).toBeUndefined();
});

test('webhooks without side effects are asked about dry runs, others refuse them', async () => {
  await using world = await aWorld(allow());
  await world.configure({ sideEffects: 'NoneOnDryRun' });
  expect(await world.create('one', {}, '?dryRun=All')).toMatchObject({ status: 201 });
  expect(world.hooks.asked[0]?.body.request).toMatchObject({ dryRun: true, options: { dryRun: ['All'] } });
});

test('selectors, scope, operations and versions decide which requests are asked about', async () => {
  await using world = await aWorld(allow({ allowed: false }));
  await world.configure({
    objectSelector: { matchLabels: { guarded: 'yes' } },
    namespaceSelector: { matchExpressions: [{ key: 'free', operator: 'DoesNotExist' }] },
    rules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['CREATE', 'DELETE'], resources: ['*'], scope: 'Namespaced' }],
  });
  const labels = { guarded: 'yes' };
  expect(await world.create('one')).toMatchObject({ status: 201 });
  expect(await world.create('two', { metadata: { name: 'two', labels } })).toMatchObject({ status: 400 });
  const namespace = { metadata: { name: 'free', labels: { ...labels, free: 'yes' } } };
  expect(await world.send({ method: 'POST', path: '/api/v1/namespaces', body: namespace })).toMatchObject({ status: 201 });
  const inFree = { metadata: { name: 'x', labels }, data: {} };
  expect(await world.send({ method: 'POST', path: '/api/v1/namespaces/free/configmaps', body: inFree })).toMatchObject({ status: 201 });
  expect(world.hooks.asked).toHaveLength(1);
});

test('an object of a deletion is the old one, and a patch of it is refused', async () => {
  await using world = await aWorld(({ body }) =>
    review(body, { allowed: true, ...patch({ op: 'add', path: '/data/x', value: 'y' }) }),
  );
  await world.create('one');
  const rules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['DELETE'], resources: ['configmaps'] }];
  await world.configure({ mutating: true, rules });
  const path = '/api/v1/namespaces/default/configmaps/one';
  const { status, json } = await world.send({ method: 'DELETE', path });
  expect([status, json.message]).toEqual([
    500,
    'Internal error occurred: admission webhook "hook.example.com" attempted to modify the object, which is not supported for this operation',
  ]);
  expect(world.hooks.asked[0]?.body.request).toMatchObject({
    operation: 'DELETE',
    object: null,
    oldObject: { metadata: { name: 'one' } },
    options: { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1' },
  });
  expect(await world.send({ method: 'GET', path })).toMatchObject({ status: 200 });
});

test('a name that the server makes is seen by those who validate alone', async () => {
  await using world = await aWorld(allow());
  await world.configure({ mutating: true });
  await world.configure({ configuration: 'b' });
  const { json } = await world.create('', { metadata: { generateName: 'made-' } });
  expect(json.metadata.name).toMatch(/^made-/);
  const [mutating, validating] = world.hooks.asked.map(({ body }) => body.request);
  expect([mutating.name, mutating.object.metadata.name]).toEqual([undefined, undefined]);
  expect([validating.name, validating.object.metadata.name]).toEqual([json.metadata.name, json.metadata.name]);
});

test.each([
  ['has none', '', [], undefined],
  ['had one that is taken away', 'one', [{ op: 'remove', path: '/metadata/name' }], 'one'],
] as const)('a name is made up, too, where a webhook says how it begins and the object %s', async (_, name, more, asked) => {
  await using world = await aWorld(({ body }) =>
    review(body, {
      allowed: true,
      ...(body.request.object.metadata.generateName ? {} : patch(...more, { op: 'add', path: '/metadata/generateName', value: 'hook-' })),
    }),
  );
  await world.configure({ mutating: true });
  await world.configure({ configuration: 'b' });
  const { status, json } = await world.create(name);
  expect([status, json.metadata.generateName]).toEqual([201, 'hook-']);
  expect(json.metadata.name).toMatch(/^hook-.{5}$/);
  const validating = world.hooks.asked[1]?.body.request;
  expect([validating.name, validating.object.metadata.name]).toEqual([asked ?? json.metadata.name, json.metadata.name]);
});

test('webhooks are not asked about webhook configurations, and a webhook may write what it is asked about', async () => {
  let touches = 0;
  const merge = (data: object) =>
    world.send({
      method: 'PATCH',
      path: '/api/v1/namespaces/default/configmaps/one',
      contentType: 'application/merge-patch+json',
      body: { data },
    });
  await using world: World = await aWorld(async ({ body }) => {
    if (touches++ === 0) await merge({ touched: 'yes' });
    return review(body, { allowed: true });
  });
  await world.create('one');
  const rules = [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['UPDATE'], resources: ['*/*'] }];
  await world.configure({ rules, objectSelector: {} });
  await world.configure({ configuration: 'b', rules: [{ apiGroups: ['admissionregistration.k8s.io'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }] });
  expect(await merge({ asked: 'yes' })).toMatchObject({ status: 200, json: { data: { asked: 'yes', touched: 'yes' } } });
  const before = world.hooks.asked.length;
  const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/b';
  expect(await world.send({ method: 'DELETE', path })).toMatchObject({ status: 200 });
  expect(world.hooks.asked).toHaveLength(before);
});

test('connections to a webhook are kept and used again', async () => {
  await using world = await aWorld(allow());
  await world.configure({});
  for (const name of ['a', 'b', 'c', 'd']) expect(await world.create(name)).toMatchObject({ status: 201 });
  expect(world.hooks.asked).toHaveLength(4);
  expect(world.hooks.connections).toBe(1);
});

test('a webhook that wants to know who asks is told as the configuration of admission says, by plugin', async () => {
  const authority = await anAuthority();
  const folder = mkdtempSync(join(tmpdir(), 'berth-hooks-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = (name: string, value: string | object) => {
    writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
    return join(folder, name);
  };
  const pair = await authority.issue('CN=api-server', 'client');
  const user = { token: 'secret', 'client-certificate': file('crt', pair.cert), 'client-key': file('key', pair.key) };
  const kubeConfigFile = file('kubeconfig', { users: [{ name: '*', user }] });
  const group = 'apiserver.config.k8s.io/v1';
  const configuration = { apiVersion: group, kind: 'WebhookAdmissionConfiguration', kubeConfigFile };
  const plugins = [{ name: 'ValidatingAdmissionWebhook', configuration }];
  const configFile = file('admission', { apiVersion: group, kind: 'AdmissionConfiguration', plugins });
  await using world = await aWorld(allow(), {
    tls: { requestCert: true, ca: authority.cert },
    api: { more: { admissionPlugins: { enable: [], disable: [], configFile } } },
  });
  await world.configure({});
  expect((await world.create('one')).status).toBe(201);
  expect(world.hooks.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer secret']);
  await world.configure({ mutating: true });
  const { status, json } = await world.create('two');
  expect(status).toBe(500);
  expect(json.message).toMatch(/^Internal error occurred: failed calling webhook "hook.example.com": failed to call webhook: Post /);
});
