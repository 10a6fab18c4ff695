import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { anApiServer, type Exchange } from '../harness/api-server.ts';
import { goldenFile } from './resource-rules.ts';

interface Case {
  readonly id: string;
  readonly request: Exchange;
  readonly status?: number;
  readonly response?: Record<string, unknown>;
}

const { cases } = goldenFile<{ cases: readonly Case[] }>('patches.json');
const [base, ...patches] = cases as [Case, ...Case[]];

/** Where the recording left out what the answer depends on. */
const adapted: Readonly<Record<string, Partial<Exchange>>> = {
  'patch/jp-rv-conflict': { body: { metadata: { resourceVersion: '1' } } },
};

let server: Awaited<ReturnType<typeof anApiServer>>;

beforeAll(async () => {
  server = await anApiServer();
  const { status, text } = await server.send({ ...base.request, contentType: 'application/json' });
  if (status !== 201) throw new Error(text);
  const annotations = { 'deployment.kubernetes.io/revision': '1' };
  const path = `${JSON.parse(text).metadata.namespace}/deployments/${JSON.parse(text).metadata.name}/status`;
  // As a deployment controller had, through the status.
  const noted = await server.send({
    method: 'PATCH',
    path: `/apis/apps/v1/namespaces/${path}?fieldManager=kube-controller-manager`,
    contentType: 'application/merge-patch+json',
    body: { metadata: { annotations } },
  });
  if (noted.status !== 200) throw new Error(noted.text);
});
afterAll(() => server[Symbol.asyncDispose]());

for (const { id, request, status, response } of patches)
  test(`${id} as a dry run answers ${status} with upstream's object`, async () => {
    const reply = await server.send({ ...request, ...adapted[id] });
    const answer = JSON.parse(reply.text);
    expect({ status: reply.status, message: answer.message }).toEqual({ status, message: response?.['message'] });
    expect(comparable(answer)).toEqual(comparable(response));
  });

test.each([
  ['merge-patch+json', { kind: 'Secret', apiVersion: 'v1' }, 'converting (v1.Secret) to (apps.Deployment): unknown conversion'],
  ['json-patch+json', [{ op: 'replace', path: '/kind', value: 'Foo' }], 'no kind "Foo" is registered for version "apps/v1" in scheme "pkg/runtime/scheme.go:111"'],
  ['merge-patch+json', { apiVersion: 'v2' }, 'no kind "Deployment" is registered for version "v2" in scheme "pkg/runtime/scheme.go:111"'],
  ['merge-patch+json', { foo: 1 }, 'strict decoding error: unknown field "foo"'],
])('a %s of %j is refused as upstream does', async (type, body, why) => {
  const path = `${base.request.path.split('?')[0]}/${(base.request.body as { metadata: { name: string } }).metadata.name}?fieldValidation=Strict`;
  const { status, text } = await server.send({ method: 'PATCH', path, contentType: `application/${type}`, body });
  expect(status).toBe(422);
  const { message, details } = JSON.parse(text);
  expect(message).toMatch(/^ "" is invalid: patch: Invalid value: "\{\\"apiVersion/);
  expect(message.endsWith(`": ${why}`)).toBe(true);
  expect(details).toMatchObject({ causes: [{ field: 'patch', reason: 'FieldValueInvalid' }] });
});

test('a patch may say an older version of the kind whose fields are the same', async () => {
  const path = `${base.request.path.split('?')[0]}/${(base.request.body as { metadata: { name: string } }).metadata.name}?dryRun=All`;
  for (const apiVersion of ['apps/v1beta1', 'apps/v1beta2', 'extensions/v1beta1']) {
    const bodies = { merge: { apiVersion }, json: [{ op: 'replace', path: '/apiVersion', value: apiVersion }] };
    for (const [type, body] of Object.entries(bodies)) {
      const { status, text } = await server.send({ method: 'PATCH', path, contentType: `application/${type}-patch+json`, body });
      expect([status, JSON.parse(text).apiVersion]).toEqual([200, 'apps/v1']);
    }
  }
});

test('a strategic patch leaves the kind of an object as it is, and says by its own words what it does not know', async () => {
  const path = `${base.request.path.split('?')[0]}/${(base.request.body as { metadata: { name: string } }).metadata.name}?dryRun=All&fieldValidation=Strict`;
  const patch = (body: object) => server.send({ method: 'PATCH', path, contentType: 'application/strategic-merge-patch+json', body });
  expect(JSON.parse((await patch({ kind: 'Secret' })).text).kind).toBe('Deployment');
  const { status, text } = await patch({ foo: { b: [1, 'x'], a: null } });
  const message = ' "" is invalid: patch: Invalid value: "map[foo:map[b:[1 x]]]": strict decoding error: unknown field "foo"';
  expect({ status, message: JSON.parse(text).message }).toEqual({ status: 422, message });
});

const pod = (spec: object) => ({ spec: { template: { spec } } });
const patchBase = (type: string, query: string, body: object) => {
  const path = `${base.request.path.split('?')[0]}/${(base.request.body as { metadata: { name: string } }).metadata.name}?dryRun=All${query}`;
  return server.send({ method: 'PATCH', path, contentType: `application/${type}`, body });
};

test.each([
  [pod({ dnsPolicy: 5 }), 'cannot convert int64 to v1.DNSPolicy'],
  [pod({ dnsPolicy: true }), 'unrecognized type: string'],
  [pod({ nodeSelector: { a: 1 } }), 'cannot convert int64 to string'],
  [pod({ nodeSelector: 'x' }), 'cannot restore map from string'],
  [pod({ containers: 'x' }), 'cannot restore slice from string'],
  [{ metadata: { uid: 5 } }, 'cannot convert int64 to types.UID'],
  [{ metadata: { creationTimestamp: 5 } }, 'json: cannot unmarshal number into Go value of type string'],
  [{ spec: { replicas: 'x' } }, 'unrecognized type: int32'],
  [{ spec: { replicas: 1.5 } }, 'cannot convert float64 to int32'],
  [{ spec: { replicas: 3_000_000_000 } }, 'spec.replicas: Invalid value: -1294967296: must be greater than or equal to 0'],
  [{ spec: { paused: 1 } }, 'unrecognized type: bool'],
  [{ spec: { strategy: { rollingUpdate: [] } } }, 'cannot restore struct from: slice'],
  [{ spec: { strategy: { rollingUpdate: { maxSurge: 1.5 } } } }, 'json: cannot unmarshal number 1.5 into Go value of type int32'],
])('a strategic patch of %j does not convert, as upstream says: %s', async (body, why) => {
  const { status, text } = await patchBase('strategic-merge-patch+json', '', body);
  expect(status).toBe(422);
  expect(JSON.parse(text).message.endsWith(`: ${why}`)).toBe(true);
});

// A merge uses up what it has merged in order, and what directives say, as kube-apiserver 1.36.3 shows.
test.each([
  [pod({ '$setElementOrder/containers': [{ name: 'c' }], containers: [{ name: 'c', image: 'y' }] }).spec, 'replicas:x template:map[spec:map[]]'],
  [{ strategy: { $retainKeys: ['type'], type: 'Recreate' } }, 'replicas:x strategy:map[type:Recreate]'],
  [{ strategy: { $patch: 'replace', type: 'Recreate' } }, 'replicas:x strategy:map[type:Recreate]'],
  [{ strategy: { $patch: 'delete', type: 'Recreate' } }, 'replicas:x strategy:map[$patch:delete type:Recreate]'],
  [pod({ affinity: { nodeAffinity: null, podAffinity: { $patch: 'delete' } } }).spec, 'replicas:x template:map[spec:map[affinity:map[]]]'],
  [pod({ hostAliases: [{ ip: '::1', hostnames: null, $patch: 'replace' }] }).spec, 'replicas:x template:map[spec:map[hostAliases:[map[$patch:replace ip:::1]]]]'],
  [pod({ dnsPolicy: null }).spec, 'replicas:x template:map[spec:map[dnsPolicy:<nil>]]'],
])('a strategic patch of %j that is refused is shown as its merge left it', async (spec, left) => {
  const { text } = await patchBase('strategic-merge-patch+json', '', { spec: { replicas: 'x', ...spec } });
  expect(JSON.parse(text).message).toBe(` "" is invalid: patch: Invalid value: "map[spec:map[${left}]]": unrecognized type: int32`);
});

test.each([
  [{ spec: { replicas: 1.5 } }, 'cannot convert float64 to int32'],
  [pod({ containers: [{ name: 'c', resources: { limits: { cpu: 'much' } } }] }), "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
  [pod({ containers: [{ name: 'c', livenessProbe: { httpGet: { port: {} } } }] }), 'json: cannot unmarshal object into Go value of type int32'],
])('an applied %j that fits its schema does not convert, as upstream says: %s', async (body, why) => {
  const { name } = (base.request.body as { metadata: { name: string } }).metadata;
  const { status, text } = await patchBase('apply-patch+yaml', '&fieldManager=m&force=true', { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, ...body });
  const what = `(/${name}; apps/v1, Kind=Deployment) to proper version: unable to convert unstructured object to apps/v1, Kind=Deployment`;
  expect({ status, message: JSON.parse(text).message }).toEqual({ status: 500, message: `failed to convert new object ${what}: ${why}` });
});

// What no patch is, is told of an object that is there (handlers/patch.go).
test.each([
  ['json', '{"a":1}', 'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp'],
  ['json', '{', 'error decoding patch: unexpected end of JSON input'],
  ['merge', '[]', 'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}'],
  ['strategic-merge', '5', 'json: cannot unmarshal number into Go value of type map[string]interface {}'],
])('a %s patch %s is refused where there is something to patch', async (type, raw, message) => {
  const [path = ''] = base.request.path.split('?');
  const { name } = (base.request.body as { metadata: { name: string } }).metadata;
  const contentType = `application/${type}-patch+json`;
  for (const end of ['', '/scale']) {
    const known = await server.send({ method: 'PATCH', path: `${path}/${name}${end}`, contentType, raw });
    expect([known.status, JSON.parse(known.text).message]).toEqual([400, message]);
    const unknown = await server.send({ method: 'PATCH', path: `${path}/none${end}`, contentType, raw });
    expect([unknown.status, JSON.parse(unknown.text).message]).toEqual([404, 'deployments.apps "none" not found']);
  }
});

test('a JSON patch that is null changes nothing', async () => {
  const [path = ''] = base.request.path.split('?');
  const { name } = (base.request.body as { metadata: { name: string } }).metadata;
  const contentType = 'application/json-patch+json';
  const { status } = await server.send({ method: 'PATCH', path: `${path}/${name}`, contentType, raw: 'null' });
  expect(status).toBe(200);
});

const noKind = "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string";
test.each([
  ['', 'merge-patch+json', { kind: null }, 200, undefined],
  ['', 'merge-patch+json', { apiVersion: null }, 400, 'the name of the object (NAME based on URL) was undeterminable: name must be provided'],
  ['', 'merge-patch+json', { kind: 5 }, 422, noKind],
  ['', 'merge-patch+json', { apiVersion: 'a/b/c' }, 422, 'unexpected GroupVersion string: a/b/c'],
  ['', 'strategic-merge-patch+json', { kind: 5 }, 422, 'cannot convert int64 to string'],
  ['/scale', 'merge-patch+json', { kind: null }, 200, undefined],
  ['/scale', 'merge-patch+json', { spec: { replicas: 'x' } }, 422, 'json: cannot unmarshal string into Go struct field ScaleSpec.spec.replicas of type int32'],
  ['/scale', 'strategic-merge-patch+json', { spec: { replicas: 1.5 } }, 422, 'cannot convert float64 to int32'],
  ['/scale', 'merge-patch+json', { kind: 'Bar' }, 422, 'no kind "Bar" is registered for version "autoscaling/v1" in scheme "pkg/runtime/scheme.go:111"'],
  ['/scale', 'merge-patch+json', { apiVersion: 'policy/v1beta1' }, 422, 'no kind "Scale" is registered for version "policy/v1beta1" in scheme "pkg/runtime/scheme.go:111"'],
  ['/scale', 'merge-patch+json', { metadata: { uid: 'x' } }, 409, 'Operation cannot be fulfilled on deployments/scale.apps "NAME": Precondition failed: UID in precondition: x, UID in object meta: UID'],
  ['/scale', 'apply-patch+yaml', { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'other' } }, 400, 'the name of the object (other) does not match the name on the URL (NAME)'],
] as const)('of a deployment, %s by a %s of %j is answered %i, as upstream does', async (subresource, type, body, status, why) => {
  const { name } = (base.request.body as { metadata: { name: string } }).metadata;
  const query = type.startsWith('apply') ? '&fieldManager=m' : '';
  const path = `${base.request.path.split('?')[0]}/${name}${subresource}?dryRun=All${query}`;
  const reply = await server.send({ method: 'PATCH', path, contentType: `application/${type}`, body });
  const { message } = JSON.parse(reply.text);
  expect(reply.status).toBe(status);
  expect(status === 422 ? message.split('": ').at(-1) : message?.replace(/meta: [-0-9a-f]+$/, 'meta: UID')).toBe(why?.replace('NAME', name));
});

test('a patch shows what it opened with its members in order', async () => {
  const { name } = (base.request.body as { metadata: { name: string } }).metadata;
  const path = `${base.request.path.split('?')[0]}/${name}/scale?dryRun=All&fieldValidation=Strict`;
  for (const [type, body] of [
    ['merge-patch+json', { spec: { replicas: 2, nope: { b: 1, a: 2 } } }],
    ['json-patch+json', [{ op: 'add', path: '/spec/replicas', value: 2 }, { op: 'add', path: '/spec/nope', value: { a: 2, b: 1 } }]],
  ] as const) {
    const { text } = await server.send({ method: 'PATCH', path, contentType: `application/${type}`, body });
    const { message } = JSON.parse(text);
    const shown = JSON.parse(message.slice(message.indexOf('"{'), message.lastIndexOf(': strict decoding error: unknown field "spec.nope"')));
    expect(shown).toMatch(/^\{"apiVersion":"autoscaling\/v1","kind":"Scale","metadata":\{"name":.*"spec":\{"nope":\{"a":2,"b":1\},"replicas":/);
  }
});

test('a patch that makes no object is shown with all of the metadata, as Go marshals it', async () => {
  const path = '/api/v1/namespaces/default/configmaps';
  const labels = { a: '2' };
  await server.send({ method: 'POST', path: `${path}?fieldManager=tester`, contentType: 'application/json', body: { metadata: { labels, name: 'shown' } } });
  const patch = (type: string, body: unknown) => server.send({ method: 'PATCH', path: `${path}/shown`, contentType: `application/${type}-patch+json`, body });
  for (const { text } of [await patch('merge', { data: [] }), await patch('json', [{ op: 'add', path: '/data', value: [] }])])
    expect(JSON.parse(text).message.replace(/\\"/g, '"').replace(/("uid":|"resourceVersion":|imestamp":|"time":)"[^"]+"/g, '$1"-"')).toMatch(
      /"data":\[\],"kind":"ConfigMap","metadata":\{"name":"shown","namespace":"default","uid":"-","resourceVersion":"-","creationTimestamp":"-","labels":\{"a":"2"\},"managedFields":\[\{"manager":"tester",/,
    );
});

test('a patch that makes no object is shown as Go marshals what it left alone: fields as structs have them, maps by their keys, HTML escaped', async () => {
  const path = '/apis/apps/v1/namespaces/default/deployments';
  const metadata = { labels: { z: '1', B: '2' }, annotations: { a: '<&>\u2028' }, name: 'in-order' };
  const spec = { nodeSelector: { z: '1', b: '2' }, containers: [{ env: [{ value: '1', name: 'A' }], image: 'i', ports: [{ protocol: 'TCP', containerPort: 80 }], name: 'c' }] };
  const body = { metadata, spec: { template: { spec, metadata: { labels: { app: 'x' } } }, selector: { matchLabels: { app: 'x' } }, replicas: 0 } };
  expect(await server.send({ method: 'POST', path, contentType: 'application/json', body })).toMatchObject({ status: 201 });
  const contentType = 'application/merge-patch+json';
  const { text } = await server.send({ method: 'PATCH', path: `${path}/in-order`, contentType, body: { kind: 'Secret', apiVersion: 'v1' } });
  const { message } = JSON.parse(text);
  const shown = JSON.parse(message.slice(message.indexOf('"{'), message.lastIndexOf(': converting (v1.Secret)')));
  expect(shown).toContain(String.raw`"labels":{"B":"2","z":"1"},"annotations":{"a":"\u003c\u0026\u003e\u2028"},"managedFields":`);
  expect(shown).toContain(
    '"template":{"metadata":{"labels":{"app":"x"}},"spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":80,"protocol":"TCP"}],"env":[{"name":"A","value":"1"}],"resources":{},"terminationMessagePath":',
  );
  expect(shown).toContain('"dnsPolicy":"ClusterFirst","nodeSelector":{"b":"2","z":"1"},"securityContext":{},');
});

const unknownFormat =
  'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml';
test.each([
  ['application/merge-patch+json;charset=utf-8', 200, undefined],
  ['application/merge-patch+json;', 200, undefined],
  ['application/merge-patch+json ; charset=utf-8', 415, unknownFormat],
  ['application/json, application/merge-patch+json', 415, unknownFormat],
  ['application/merge-patch+json,', 415, unknownFormat],
  ['Application/Merge-Patch+JSON', 415, '415: Unsupported Media Type'],
  ['application/merge-patch+json\t;x=1', 415, '415: Unsupported Media Type'],
  ['application/apply-patch+YAML', 415, '415: Unsupported Media Type'],
  ['; application/merge-patch+json', 415, '415: Unsupported Media Type'],
])('a patch of the type %j is answered %i, as upstream reads it letter by letter', async (contentType, status, why) => {
  const { name } = (base.request.body as { metadata: { name: string } }).metadata;
  for (const end of ['', '/scale']) {
    const reply = await server.send({ method: 'PATCH', path: `${base.request.path.split('?')[0]}/${name}${end}?dryRun=All`, contentType, raw: '{}' });
    expect([reply.status, JSON.parse(reply.text).message]).toEqual([status, why]);
  }
});

const named = 'the name of the object (NAME based on URL) was undeterminable: name must be provided';
test.each([
  ['merge-patch+json', { apiVersion: '/' }, 400, named],
  ['merge-patch+json', { apiVersion: 'apps/' }, 400, named],
  ['merge-patch+json', { apiVersion: 'apps/__internal' }, 400, named],
  ['merge-patch+json', { apiVersion: '/v1' }, 422, 'no kind "Deployment" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"'],
  ['strategic-merge-patch+json', { 'a"b': 1 }, 422, 'unknown field "a"b"'],
])('a %s of %j that is read strictly or without a version is answered %i', async (type, body, status, why) => {
  const { name } = (base.request.body as { metadata: { name: string } }).metadata;
  const strict = status === 422 ? '&fieldValidation=Strict' : '';
  const reply = await patchBase(type, strict, body);
  const { message } = JSON.parse(reply.text);
  expect([reply.status, message.slice(-why.replace('NAME', name).length)]).toEqual([status, why.replace('NAME', name)]);
});

test('who makes again what is being deleted is told so', async () => {
  const path = '/api/v1/namespaces/default/configmaps';
  const body = { metadata: { name: 'going', finalizers: ['x.io/kept'] } };
  const made = async (query = '') => {
    const { status, text } = await server.send({ method: 'POST', path: path + query, contentType: 'application/json', body });
    return [status, JSON.parse(text).message];
  };
  expect(await made()).toEqual([201, undefined]);
  expect(await made()).toEqual([409, 'configmaps "going" already exists']);
  await server.send({ method: 'DELETE', path: `${path}/going` });
  for (const query of ['', '?dryRun=All'])
    expect(await made(query)).toEqual([409, 'object is being deleted: configmaps "going" already exists']);
});

test('a resize is of the pod of its path, and of nothing that is none; ephemeral containers have an owner', async () => {
  const pods = '/api/v1/namespaces/default/pods';
  const spec = { automountServiceAccountToken: false, containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '1' } } }] };
  await server.send({ method: 'POST', path: '/api/v1/namespaces/default/serviceaccounts', contentType: 'application/json', body: { metadata: { name: 'default' } } });
  const made = await server.send({ method: 'POST', path: pods, contentType: 'application/json', body: { metadata: { name: 'p' }, spec } });
  expect(made.status).toBe(201);
  const resize = async (type: string, body: object) => {
    const reply = await server.send({ method: 'PATCH', path: `${pods}/p/resize?dryRun=All`, contentType: `application/${type}`, body });
    return { status: reply.status, message: JSON.parse(reply.text).message?.split('": ').at(-1) };
  };
  const container = (own: object) => ({ spec: { containers: [{ name: 'c', ...own }] } });
  const ephemeral = await server.send({
    method: 'PATCH',
    path: `${pods}/p/ephemeralcontainers?fieldManager=debugger`,
    contentType: 'application/strategic-merge-patch+json',
    body: { metadata: { labels: { z: 'z' } }, spec: { ephemeralContainers: [{ name: 'd', image: 'i' }] } },
  });
  // Whose they are is written down, also of what the endpoint leaves as it is.
  const { managedFields } = JSON.parse(ephemeral.text).metadata;
  expect(managedFields.find(({ manager }: { manager: string }) => manager === 'debugger')).toMatchObject({
    subresource: 'ephemeralcontainers',
    fieldsV1: { 'f:metadata': { 'f:labels': {} }, 'f:spec': { 'f:ephemeralContainers': { 'k:{"name":"d"}': { 'f:image': {} } } } },
  });
  expect(await resize('merge-patch+json', container({ resources: 'x' }))).toEqual({
    status: 422,
    message: 'json: cannot unmarshal string into Go struct field Container.spec.containers.resources of type v1.ResourceRequirements',
  });
  expect(await resize('strategic-merge-patch+json', container({ image: 5 }))).toEqual({ status: 422, message: 'cannot convert int64 to string' });
  expect(await resize('merge-patch+json', { metadata: { name: 'other' } })).toEqual({
    status: 400,
    message: 'the name of the object (other) does not match the name on the URL (p)',
  });
  expect(await resize('merge-patch+json', container({ image: 'other' }))).toMatchObject({
    status: 422,
    message: expect.stringMatching(/^Pod QOS Class may not change/),
  });
});

/** Without what a deployment controller wrote into the recorded object, and what is one cluster's own. */
function comparable(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, each) => {
      if (['uid', 'resourceVersion', 'creationTimestamp'].includes(key)) return undefined;
      if (key === 'status' && typeof each === 'object') return undefined;
      if (key === 'time') return '<time>';
      if (key === 'managedFields') return each.filter(({ manager }: { manager: string }) => manager !== 'kube-controller-manager');
      if (key !== 'annotations') return each;
      const { 'deployment.kubernetes.io/revision': _, ...rest } = each;
      return Object.keys(rest).length > 0 ? rest : undefined;
    }),
  );
}

// As kube-apiserver 1.36.3 answers: to Go a number with a point or an exponent is no integer, whatever its value.
test.each([
  ['merge', '{"value":1.0}', 'number 1.0'],
  ['merge', '{"value":2e0}', 'number 2e0'],
  ['json', '[{"op":"replace","path":"/value","value":1.0}]', 'number 1.0'],
  ['json', '[{"op":"add","path":"/value","value":1e1},{"op":"replace","path":"/value","value":4}]', undefined],
  ['strategic', '{"value":3.0}', undefined],
])('a %s patch %s gives an integer as it is written', async (type, body, refused) => {
  const classes = '/apis/scheduling.k8s.io/v1/priorityclasses';
  await server.send({ method: 'POST', path: classes, contentType: 'application/json', body: { metadata: { name: 'numbers' }, value: 1 } });
  const media = type === 'json' ? 'json-patch' : type === 'merge' ? 'merge-patch' : 'strategic-merge-patch';
  const contentType = `application/${media}+json`;
  const { status, text } = await server.send({ method: 'PATCH', path: `${classes}/numbers?dryRun=All`, contentType, raw: body });
  if (refused === undefined) return expect([status, JSON.parse(text).message]).toEqual([422, expect.stringContaining('may not be changed')]);
  expect(status).toBe(422);
  const value = refused.slice('number '.length);
  expect(JSON.parse(text).message).toContain(`\\"value\\":${value}}": json: cannot unmarshal ${refused} into Go struct field PriorityClass.value of type int32`);
});

/** apiserver handlers/patch.go applyJSPatch and strategicPatchObject; the answers are a kube-apiserver's. */
describe('what is wrong with a patch itself', () => {
  const path = '/api/v1/namespaces/kube-public/configmaps/patched';
  const patched = async (type: string, raw: string, fieldValidation = 'Warn') => {
    const { text, headers } = await server.send({ method: 'PATCH', path: `${path}?dryRun=All&fieldValidation=${fieldValidation}`, contentType: `application/${type}+json`, raw });
    const { code = 200, message, data } = JSON.parse(text);
    return { code, message, data, warnings: headers['warning'] };
  };
  beforeAll(() => server.send({ method: 'POST', path: path.replace('/patched', ''), contentType: 'application/json', body: { metadata: { name: 'patched' }, data: { a: '1' } } }));

  test.each<[string, string, readonly string[]]>([
    ['merge-patch', '{"data":{"a":"1","a":"2"},"data":{"b":"1"},"foo":1}', ['duplicate field "data.a"', 'duplicate field "data"', 'unknown field "foo"']],
    ['strategic-merge-patch', '{"data":{"a":"1","a":"2"},"data":{"b":"1"},"foo":1}', ['duplicate field "data.a"', 'duplicate field "data"', 'unknown field "foo"']],
    ['json-patch', '[{"op":"add","op":"add","path":"/data/x","value":"a","extra":1,"Value":2}]', ['json patch duplicate field "[0].op"', 'json patch unknown field "[0].extra"', 'json patch unknown field "[0].Value"']],
    ['json-patch', '[{"op":"add","path":"/foo","value":{"a":1,"a":2}}]', ['json patch duplicate field "[0].value.a"', 'unknown field "foo"']],
  ])('of a %s %s is warned of, refused or passed over', async (type, raw, problems) => {
    const quoted = problems.map((each) => `299 - "${each.replaceAll('"', '\\"')}"`).join(', ');
    expect(await patched(type, raw)).toMatchObject({ code: 200, warnings: quoted });
    const strict = await patched(type, raw, 'Strict');
    expect([strict.code, strict.message.replace(/^.*: strict/, 'strict')]).toEqual([422, `strict decoding error: ${problems.join(', ')}`]);
    expect(await patched(type, raw, 'Ignore')).toMatchObject({ code: 200, warnings: undefined });
  });

  test.each<[string, string, string, string?]>([
    ['json-patch', '[{"op":1,"path":"/a"}]', 'error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string'],
    ['json-patch', '[{"op":"copy","from":{},"path":"/a"}]', 'error decoding patch: json: cannot unmarshal object into Go struct field jsonPatchOp.from of type string'],
    ['json-patch', '[{"op":"add","path":"/data/q","value":1e999}]', 'error decoding patch: json: cannot unmarshal number 1e999 into Go struct field jsonPatchOp.value of type float64'],
    ['json-patch', '[3]', 'error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp', 'json: cannot unmarshal number into Go value of type jsonpatch.Operation'],
    ['json-patch', '1', 'error decoding patch: json: cannot unmarshal number into Go value of type []handlers.jsonPatchOp', 'json: cannot unmarshal number into Go value of type jsonpatch.Patch'],
    ['json-patch', '{', 'error decoding patch: unexpected end of JSON input', 'unexpected end of JSON input'],
    ['merge-patch', '{', 'error decoding patch: unexpected end of JSON input', 'Invalid JSON Patch'],
    ['merge-patch', '1', 'error decoding patch: json: cannot unmarshal number into Go value of type map[string]interface {}', 'Invalid JSON Patch'],
    ['strategic-merge-patch', '{', 'unexpected end of JSON input', 'unexpected end of JSON input'],
    ['strategic-merge-patch', '{"a":1e999}', 'json: cannot unmarshal number 1e999 into Go value of type float64', 'json: cannot unmarshal number 1e999 into Go value of type float64'],
  ])('a %s %s is none', async (type, raw, message, unchecked) => {
    expect(await patched(type, raw)).toMatchObject({ code: 400, message });
    if (unchecked) expect(await patched(type, raw, 'Ignore')).toMatchObject({ code: 400, message: unchecked });
  });

  test('an operation that is null is none, and what stands before a path says nothing', async () => {
    expect(await patched('json-patch', '[null]')).toMatchObject({ code: 422 });
    expect(await patched('json-patch', '[{"op":1,"path":"/a"}]', 'Ignore')).toMatchObject({ code: 422 });
    expect(await patched('json-patch', '[{"op":"add","path":"x/data/q","value":"1"}]')).toMatchObject({ code: 200, data: { a: '1', q: '1' } });
  });
});

test('who writes an address into a status is told how it should be written', async () => {
  const path = '/api/v1/namespaces/kube-public/services';
  await server.send({ method: 'POST', path, contentType: 'application/json', body: { metadata: { name: 'balanced' }, spec: { type: 'LoadBalancer', ports: [{ port: 1 }] } } });
  const patch = (subresource: string, body: object) => server.send({ method: 'PATCH', path: `${path}/balanced${subresource}`, contentType: 'application/merge-patch+json', body });
  const written = await patch('/status', { status: { loadBalancer: { ingress: [{ ip: '2001:DB8::1' }] } } });
  expect([written.status, written.headers['warning']]).toEqual([200, '299 - "status.loadBalancer.ingress[0]: IPv6 address \\"2001:DB8::1\\" should be in RFC 5952 canonical format (\\"2001:db8::1\\")"']);
  expect((await patch('', { metadata: { labels: { a: 'b' } } })).headers['warning']).toBeUndefined();
});

test('of a network policy the ranges that are left out are looked at, too, where the whole is none', async () => {
  const ipBlock = { cidr: '010.1.1.1/24', except: ['010.1.1.1/28', '11.0.0.0/28'] };
  const body = { metadata: { name: 'a' }, spec: { podSelector: {}, ingress: [{ from: [{ ipBlock }] }] } };
  const { text } = await server.send({ method: 'POST', path: '/apis/networking.k8s.io/v1/namespaces/kube-public/networkpolicies', contentType: 'application/json', body });
  const fields = JSON.parse(text).details.causes.map(({ field, message }: { field: string; message: string }) => `${field.replace(/^.*ipBlock/, '')} ${message.replace(/^.*": /, '')}`);
  expect(fields).toContain('.except[0] must not have leading 0s in IP or prefix length');
  expect(fields).toContain('.except[1] must be a strict subset of `cidr`');
});

test('a patch may make a scale one of an older version, whose selector is a map', async () => {
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const path = '/apis/apps/v1/namespaces/kube-public/deployments';
  await server.send({ method: 'POST', path, contentType: 'application/json', body: { metadata: { name: 'scaled' }, spec: { selector: { matchLabels: { a: 'b' } }, template } } });
  const scale = async (body: object) => {
    const { text, headers } = await server.send({ method: 'PATCH', path: `${path}/scaled/scale`, contentType: 'application/merge-patch+json', body: { apiVersion: 'apps/v1beta2', ...body } });
    return { ...JSON.parse(text), warning: headers['warning'] };
  };
  const { message } = await scale({ spec: { replicas: 3 } });
  expect(message).toMatch(/: json: cannot unmarshal string into Go struct field ScaleStatus\.status\.selector of type map\[string\]string$/);
  const scaled = await scale({ spec: { replicas: 3, foo: 1 }, status: { selector: { a: 'b' } } });
  expect(scaled).toMatchObject({ apiVersion: 'autoscaling/v1', kind: 'Scale', spec: { replicas: 3 }, status: { selector: 'a=b' }, warning: '299 - "unknown field \\"spec.foo\\""' });
});
