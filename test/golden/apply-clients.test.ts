import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';
import { aWebhookServer } from '../harness/webhook-server.ts';

/** Who applies what, in upstream's words (apimachinery metav1 validation, managedfields, handlers/patch), and what hostile clients send. */
let server: Awaited<ReturnType<typeof anApiServer>>;
beforeAll(async () => {
  server = await anApiServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const configmaps = '/api/v1/namespaces/default/configmaps';
const applyType = 'application/apply-patch+yaml';
let count = 0;
let name = '';
beforeEach(() => {
  name = `cm-${++count}`;
});

const configMap = (more: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...more });

interface Reply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server answers.
  readonly body: any;
  readonly warnings: string;
}

async function send(method: string, path: string, more: { contentType?: string; body?: unknown; raw?: string; headers?: Record<string, string> } = {}): Promise<Reply> {
  const { status, text, headers } = await server.send({ method, path, contentType: 'application/json', ...more });
  return { status, body: JSON.parse(text), warnings: String(headers['warning'] ?? '') };
}

const apply = (body: unknown, query = 'fieldManager=alice', of = name) =>
  send('PATCH', `${configmaps}/${of}?${query}`, { contentType: applyType, body });
const applyText = (raw: string, query = 'fieldManager=alice') =>
  send('PATCH', `${configmaps}/${name}?${query}`, { contentType: applyType, raw });

test.each([
  ['fieldManager=', 'fieldManager: Required value: is required for apply patch'],
  [`fieldManager=${'x'.repeat(129)}`, 'fieldManager: Too long: may not be more than 128 bytes'],
  ['fieldManager=a%07b', 'fieldManager: Invalid value: "a\\ab": invalid character U+0007 (at position 1)'],
  ['fieldManager=a&fieldValidation=Maybe', 'fieldValidation: Unsupported value: "Maybe": supported values: "", "Ignore", "Strict", "Warn"'],
  ['fieldManager=a&dryRun=Some', 'dryRun: Unsupported value: ["Some"]: supported values: "All"'],
])('an apply with %s is invalid', async (query, why) => {
  const { status, body } = await apply(configMap(), query);
  expect({ status, message: body.message }).toEqual({ status: 422, message: `PatchOptions.meta.k8s.io "" is invalid: ${why}` });
});

test('only an apply may be forced', async () => {
  await apply(configMap());
  const patch = { contentType: 'application/merge-patch+json', body: {} };
  const { body } = await send('PATCH', `${configmaps}/${name}?force=true`, patch);
  expect(body.message).toBe('PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch');
});

test('CBOR is refused, and a configuration of another kind or version', async () => {
  for (const options of ['fieldManager=a', 'fieldManager=a&force=true', 'dryRun=nothing'])
    expect(await send('PATCH', `${configmaps}/${name}?${options}`, { contentType: 'application/apply-patch+cbor', raw: 'x' })).toMatchObject({ status: 415 });
  for (const [sent, shown] of [
    [{ ...configMap(), kind: 'Secret' }, '/v1, Kind=Secret'],
    [{ ...configMap(), apiVersion: 'apps/v2' }, 'apps/v2, Kind=ConfigMap'],
    [{ metadata: { name } }, '/, Kind='],
  ] as const)
    expect((await apply(sent)).body).toMatchObject({ code: 400, message: `invalid object type: ${shown}` });
});

test('a configuration without a name, or with a uid that nothing has, creates nothing', async () => {
  const nameless = await apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {} });
  expect(nameless.body.message).toBe(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  const other = await apply(configMap({ metadata: { name, uid: 'x' } }));
  expect(other.body).toMatchObject({
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on configmaps "${name}": uid mismatch: the provided object specified uid x, and no existing object was found`,
  });
  expect(await send('GET', `${configmaps}/${name}`)).toMatchObject({ status: 404 });
});

test('an apply that creates needs the right to create', async () => {
  const role = { metadata: { name: 'patcher' }, rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['patch'] }] };
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
  await send('POST', `${rbac}/roles`, { body: role });
  const subjects = [{ kind: 'User', name: 'joe', apiGroup: 'rbac.authorization.k8s.io' }];
  const roleRef = { kind: 'Role', name: 'patcher', apiGroup: 'rbac.authorization.k8s.io' };
  await send('POST', `${rbac}/rolebindings`, { body: { metadata: { name: 'patchers' }, subjects, roleRef } });
  const asJoe = () =>
    send('PATCH', `${configmaps}/${name}?fieldManager=joe`, { contentType: applyType, body: configMap(), headers: { 'impersonate-user': 'joe' } });
  expect((await asJoe()).body.message).toContain('User "joe" cannot create resource "configmaps" in API group ""');
  await apply(configMap());
  expect(await asJoe()).toMatchObject({ status: 200 });
});

test('keys that are there twice are warned of, refused or ignored', async () => {
  const twice = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata:\n  a: "1"\n  a: "2"\n`;
  const why = 'error converting YAML to JSON: yaml: unmarshal errors:\n  line 6: key "a" already set in map';
  const strict = await applyText(twice, 'fieldManager=alice&fieldValidation=Strict');
  expect(strict.body).toMatchObject({ code: 400, message: `error strict decoding YAML: ${why}` });
  const warned = await applyText(twice);
  expect(warned).toMatchObject({ status: 201, body: { data: { a: '2' } } });
  expect(warned.warnings).toBe('299 - "line 6: key \\"a\\" already set in map"');
  expect((await applyText(twice, 'fieldManager=alice&fieldValidation=Ignore')).warnings).toBe('');
});

test.each([
  ['no map', '[1, 2]', 'error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}'],
  ['no YAML', 'b: 1\na: [', 'error decoding YAML: error converting YAML to JSON: yaml: line 2: did not find expected node content'],
  ['nested deeper than anything is', `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`, 'error decoding YAML: error converting YAML to JSON: yaml: exceeded max depth'],
  ['a bomb of aliases', `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 9 }, (_, i) => `${'bcdefghij'[i]}: &${'bcdefghij'[i]} [${`*${'abcdefghi'[i]},`.repeat(9)}]`).join('\n')}`, 'error decoding YAML: error converting YAML to JSON: yaml: document contains excessive aliasing'],
])('a configuration that is %s is a bad request', async (_what, raw, why) => {
  const { status, body } = await applyText(raw);
  expect({ status, message: body.message.slice(0, why.length) }).toEqual({ status: 400, message: why });
});

test('what changes nothing writes nothing, whoever sends it', async () => {
  await send('POST', configmaps, { body: configMap({ data: { a: '1' } }) });
  const first = (await apply(configMap({ data: { a: '1' } }))).body;
  expect(first.metadata.managedFields).toHaveLength(2);
  expect((await apply(configMap({ data: { a: '1' } }))).body).toEqual(first);
  expect((await send('PUT', `${configmaps}/${name}?fieldManager=bob`, { body: configMap({ data: { a: '1' } }) })).body).toEqual(first);
  const patch = { contentType: 'application/merge-patch+json', body: { data: { a: '1' } } };
  expect((await send('PATCH', `${configmaps}/${name}?fieldManager=carol`, patch)).body).toEqual(first);
});

test('an update names its manager by the query, else by the beginning of the user agent', async () => {
  await send('POST', configmaps, { body: configMap({ data: { a: '1' } }), headers: { 'user-agent': 'tool/v1 (linux)' } });
  await send('PUT', `${configmaps}/${name}?fieldManager=hand`, { body: configMap({ data: { a: '1', b: '2' } }) });
  const { body } = await send('GET', `${configmaps}/${name}`);
  const byName = (a: { manager: string }, b: { manager: string }) => a.manager.localeCompare(b.manager);
  expect(body.metadata.managedFields.sort(byName)).toMatchObject([
    { manager: 'hand', operation: 'Update', fieldsV1: { 'f:data': { 'f:b': {} } } },
    { manager: 'tool', operation: 'Update', fieldsV1: { 'f:data': { '.': {}, 'f:a': {} } } },
  ]);
});

test('clients write managedFields themselves: by a JSON patch, as kubectl does to go over; garbage changes nothing', async () => {
  await apply(configMap({ data: { a: '1' } }));
  const owner = { manager: 'new', operation: 'Apply', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { 'f:data': { 'f:a': {} } } };
  const patch = (value: unknown) => {
    const body = [{ op: 'replace', path: '/metadata/managedFields', value }];
    return send('PATCH', `${configmaps}/${name}`, { contentType: 'application/json-patch+json', body });
  };
  expect((await patch([owner])).body.metadata.managedFields).toEqual([owner]);
  for (const garbage of [
    [{ ...owner, operation: 'Other' }],
    [{ ...owner, fieldsType: 'Other' }],
    [{ ...owner, fieldsV1: { a: {} } }],
    [{ ...owner, fieldsV1: { 'f:a': 1 } }],
    [{ ...owner, fieldsV1: [] }],
    [{ ...owner, apiVersion: '' }],
  ])
    expect((await patch(garbage)).body.metadata.managedFields).toEqual([owner]);
  expect((await patch([{ ...owner, manager: 1 }])).status).toBe(422);
  expect((await patch([])).body.metadata.managedFields).toBeUndefined();
});

test('thousands of managers, deep and broad field sets are read in a moment', async () => {
  const entry = { operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1' };
  const managers = Array.from({ length: 4_000 }, (_, i) => ({ ...entry, manager: `m${i}`, fieldsV1: { 'f:data': { [`f:k${i % 50}`]: {} } } }));
  const broad = [{ ...entry, manager: 'm', fieldsV1: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`k:{"name":"${i}"}`, {}])) }];
  let deep: object = {};
  for (let i = 0; i < 900; i++) deep = { [`f:${i}`]: deep };
  for (const managedFields of [managers, broad, [{ ...entry, manager: 'm', fieldsV1: deep }]]) {
    name = `cm-${++count}`;
    const began = process.cpuUsage();
    const { status, body } = await send('POST', configmaps, { body: configMap({ metadata: { name, managedFields }, data: { a: '1' } }) });
    expect(status, body.message).toBe(201);
    expect(body.metadata.managedFields.length).toBeLessThanOrEqual(11);
    const applied = await apply(configMap({ data: { b: '1' } }));
    expect(applied.status).toBe(200);
    const { user, system } = process.cpuUsage(began);
    expect(user + system).toBeLessThan(5_000_000);
  }
});

test('status has managers of its own, and never creates', async () => {
  const pods = '/api/v1/namespaces/default/pods';
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name } };
  const status = (body: object) => send('PATCH', `${pods}/${name}/status?fieldManager=node`, { contentType: applyType, body });
  expect(await status({ ...pod, status: { phase: 'Running' } })).toMatchObject({ status: 404 });
  await send('POST', '/api/v1/namespaces/default/serviceaccounts', { body: { metadata: { name: 'default' } } });
  const spec = { containers: [{ name: 'c', image: 'i' }] };
  await send('PATCH', `${pods}/${name}?fieldManager=user`, { contentType: applyType, body: { ...pod, spec, status: { phase: 'Failed' } } });
  const condition = { type: 'Ready', status: 'True' };
  const answer = await status({ ...pod, spec: { nodeName: 'n' }, status: { phase: 'Running', conditions: [condition] } });
  expect(answer.body.status).toMatchObject({ phase: 'Running', conditions: [condition] });
  // In order of their times, which may be of one second or of two.
  const byManager = answer.body.metadata.managedFields.toSorted((a: { manager: string }, b: { manager: string }) => (a.manager < b.manager ? -1 : 1));
  expect(byManager).toMatchObject([
    { manager: 'node', operation: 'Apply', subresource: 'status', fieldsV1: { 'f:status': { 'f:phase': {} } } },
    { manager: 'user', operation: 'Apply', fieldsV1: { 'f:spec': {} } },
  ]);
  expect(JSON.stringify(answer.body.metadata.managedFields)).not.toContain('nodeName');
});

test('a resize sets resources alone, and owns all that it sends', async () => {
  const pods = '/api/v1/namespaces/default/pods';
  await send('POST', '/api/v1/namespaces/default/serviceaccounts', { body: { metadata: { name: 'default' } } });
  const container = (cpu: string) => ({ name: 'c', resources: { requests: { cpu } } });
  await send('POST', pods, { body: { metadata: { name }, spec: { containers: [{ ...container('1'), image: 'i' }] } } });
  const resize = (cpu: string, manager: string) => {
    const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { a: 'b' } }, spec: { containers: [container(cpu)] } };
    return send('PATCH', `${pods}/${name}/resize?fieldManager=${manager}`, { contentType: applyType, body });
  };
  expect((await resize('2', 'alice')).body.message).toBe(
    'Apply failed with 1 conflict: conflict with "unknown" using v1: .spec.containers[name="c"].resources.requests.cpu',
  );
  const path = `${pods}/${name}/resize?fieldManager=sizer`;
  const patch = { contentType: 'application/merge-patch+json', body: { spec: { containers: [{ ...container('2'), image: 'i' }] } } };
  const { managedFields } = (await send('PATCH', path, patch)).body.metadata;
  // They come in the order of their seconds, of which a new one may have begun.
  const byName = managedFields.toSorted((a: { manager: string }, b: { manager: string }) => (a.manager < b.manager ? -1 : 1));
  expect(byName).toMatchObject([
    { manager: 'sizer', subresource: 'resize', fieldsV1: { 'f:spec': { 'f:containers': { 'k:{"name":"c"}': { 'f:resources': { 'f:requests': { 'f:cpu': {} } } } } } } },
    { manager: 'unknown' },
  ]);
  const { body } = await resize('2', 'alice');
  // Upstream's endpoint leaves the labels as they are, and yet says whose they are.
  expect(body.metadata.labels).toBeUndefined();
  expect(JSON.stringify(body.metadata.managedFields)).toContain('"f:labels":{"f:a":{}}');
  expect(body.metadata.managedFields.map((each: { manager: string }) => each.manager)).toContain('alice');
});

test('what is too large with its managedFields is stored without them, but not by an apply', async () => {
  const data = Object.fromEntries(Array.from({ length: 5500 }, (_, i) => [`${i}`.padStart(150, 'k'), '']));
  const created = await send('POST', configmaps, { body: configMap({ data }) });
  expect(created.status).toBe(201);
  expect('managedFields' in created.body.metadata).toBe(false);
  const other = `${name}-applied`;
  expect((await apply(configMap({ metadata: { name: other }, data }), 'fieldManager=a', other)).status).toBe(413);
});

test('managedFields that a webhook made unreadable are as they were before, with a warning', async () => {
  await using hooks = await aWebhookServer(({ body }) => {
    const patch = [{ op: 'replace', path: '/metadata/managedFields', value: [{ manager: 'hook', operation: 'None' }] }];
    const response = { uid: body.request.uid, allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
    return { kind: 'AdmissionReview', apiVersion: body.apiVersion, response };
  });
  const webhook = {
    name: 'hook.example.com',
    clientConfig: { url: `${hooks.url}/check`, caBundle: hooks.caBundle },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  };
  const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
  await send('POST', path, { body: { metadata: { name: 'a' }, webhooks: [webhook] } });
  await expect
    .poll(async () => (await send('POST', `${configmaps}?dryRun=All`, { body: configMap({ data: { a: '1' } }) })).warnings)
    .toContain('.metadata.managedFields was in an invalid state after admission');
  const made = await send('POST', configmaps, { body: configMap({ data: { a: '1' } }) });
  expect(made.body.metadata.managedFields).toMatchObject([{ manager: 'unknown', operation: 'Update' }]);
  await send('DELETE', `${path}/a`);
});

test('empty lists that are applied are told apart from none, and shown as none', async () => {
  const limits = { apiVersion: 'v1', kind: 'LimitRange', metadata: { name }, spec: { limits: [] } };
  const applied = await send('PATCH', `/api/v1/namespaces/default/limitranges/${name}?fieldManager=a`, { contentType: applyType, body: limits });
  expect(applied.body.spec).toEqual({ limits: null });
  const policies = '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies';
  const policy = (podSelector: object) => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name }, spec: { podSelector } });
  const change = { contentType: applyType, body: policy({ matchLabels: {} }) };
  await send('POST', policies, { body: policy({}) });
  // Its strategy compares as Go does (reflect.DeepEqual).
  expect((await send('PATCH', `${policies}/${name}?fieldManager=a&force=true`, change)).body.metadata.generation).toBe(2);
});
