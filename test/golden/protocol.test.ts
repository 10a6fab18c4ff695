import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer, type Exchange } from '../harness/api-server.ts';
import { goldenFile } from './resource-rules.ts';

interface Case {
  readonly id: string;
  readonly request: Exchange;
  readonly status: number;
  readonly response: unknown;
  readonly contentType?: string;
}

const { setup, cases } = goldenFile<{ setup: readonly { path: string; body: object }[]; cases: readonly Case[] }>('protocol.json');

/** What the recording left out of a request and the answer depends on. */
const adapted: Readonly<Record<string, Partial<Exchange>>> = {
  'proto/create-with-rv': { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', resourceVersion: '7' } } },
  'proto/409-conflict': { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'g1', resourceVersion: '1' }, data: {} } },
  'proto/put-uid': { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'g1', uid: 'other' } } },
  'proto/delete-precondition': { body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: 'other' } } },
  'proto/impersonate-forbidden': { headers: { 'Impersonate-User': 'jane' } },
  'proto/bad-token': { certificate: false, headers: { authorization: 'Bearer nope' } },
};

let server: Awaited<ReturnType<typeof anApiServer>>;

beforeAll(async () => {
  server = await anApiServer();
  // What a controller manager of the recorded cluster had made: lists and pages count it.
  const rootCa = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kube-root-ca.crt' } };
  for (const { path, body } of [{ path: '/api/v1/namespaces/default/configmaps', body: rootCa }, ...setup]) {
    const { status, text } = await server.send({ method: 'POST', path, contentType: 'application/json', body });
    if (status !== 201) throw new Error(text);
  }
});
afterAll(() => server[Symbol.asyncDispose]());

for (const { id, request, status, response, contentType } of cases) {
  const title = `${id} answers ${status} as upstream does`;
  test(title, async () => {
    const reply = await server.send({ ...request, ...adapted[id] });
    expect({ status: reply.status, ...(contentType ? { type: reply.headers['content-type'] } : {}) }).toEqual({
      status,
      ...(contentType ? { type: contentType } : {}),
    });
    if (typeof response === 'string') return expectText(id, reply.text, response);
    expect(recorded(JSON.parse(reply.text))).toEqual(recorded(response));
  });
}

const review = { path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', body: { spec: { nonResourceAttributes: { verb: 'get', path: '/' } } } };
const binding = { path: '/api/v1/namespaces/default/bindings', body: { metadata: { name: 'nobody' }, target: { name: 'n' } } };
const made = { path: '/api/v1/namespaces/default/configmaps?dryRun=All', body: { metadata: { name: 'made' } } };
const meta = (as: string) => `application/json;as=${as};v=v1;g=meta.k8s.io`;
const noTable = 'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf';

/** Answers of a kube-apiserver of 1.36.3. */
test.each([
  ['a review', review, meta('Table'), 406, noTable],
  ['a review, or an object', review, `${meta('Table')},application/json`, 201, 'SelfSubjectAccessReview'],
  ['a review', review, meta('PartialObjectMetadata'), 201, 'PartialObjectMetadata'],
  ['a binding', binding, meta('Table'), 406, noTable],
  ['an object', made, meta('Table'), 201, 'Table'],
])('%s asked for in the form of case %# is what upstream makes of it', async (_what, { path, body }, accept, status, kind) => {
  const reply = await server.send({ method: 'POST', path, contentType: 'application/json', body, accept });
  const told = JSON.parse(reply.text);
  expect([reply.status, told.message ?? told.kind]).toEqual([status, kind]);
});

test('who finalizes a namespace owns the finalizers that were sent', async () => {
  const send = async (method: string, path: string, body: object) =>
    JSON.parse((await server.send({ method, path, contentType: 'application/json', body })).text);
  await send('POST', '/api/v1/namespaces?fieldManager=a', { metadata: { name: 'finalized' } });
  const body = { metadata: { name: 'finalized', labels: { q: 'r' } }, spec: { finalizers: ['kubernetes', 'x.y/z'] } };
  const { metadata } = await send('PUT', '/api/v1/namespaces/finalized/finalize?fieldManager=fin', body);
  expect(metadata.managedFields.map(({ time: _, ...entry }: { time: string }) => entry)).toContainEqual({
    ...{ manager: 'fin', operation: 'Update', apiVersion: 'v1', subresource: 'finalize', fieldsType: 'FieldsV1' },
    fieldsV1: { 'f:metadata': { 'f:labels': { 'f:q': {} } }, 'f:spec': { 'f:finalizers': {} } },
  });
});

const protobuf = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf';
const policy = '/openapi/v3/apis/policy/v1';

test.each([
  ['/openapi/v3', '*/*', [200, 'text/plain; charset=utf-8', undefined]],
  ['/openapi/v3/', '*/*', [404, undefined, undefined]],
  ['/openapi/v3/apis/nope/v1', '*/*', [404, undefined, undefined]],
  [policy, '*/*', [200, 'application/json', undefined]],
  [policy, `text/html, application/json, ${protobuf}`, [200, 'application/json', undefined]],
  [policy, 'text/html', [406, undefined, undefined]],
  [policy, protobuf, [200, protobuf, undefined]],
  [policy, `application/json, ${protobuf}`, [200, 'application/json', undefined]],
  [policy, `application/json;q=0.5, ${protobuf}`, [200, protobuf, undefined]],
  [policy, protobuf.replace('v3.', 'v3@'), [200, protobuf, undefined]],
  ['/openapi/v2', protobuf.replace('v3', 'v2'), [200, protobuf.replace('v3', 'v2'), undefined]],
  ['/openapi/v2', `application/json, ${protobuf.replace('v3', 'v2')}`, [200, 'application/json', undefined]],
  ['/openapi/v2', 'text/html', [406, undefined, undefined]],
  [`${policy}?hash=old`, '*/*', [301, 'application/json', expect.stringMatching(/^\/openapi\/v3\/apis\/policy\/v1\?hash=[\dA-F]{128}$/)]],
])('%s asked for as %s is answered as upstream does', async (path, accept, expected) => {
  const { status, headers, text } = await server.send({ method: 'GET', path, accept });
  expect([status, headers['content-type'], headers['location']]).toEqual(expected);
  expect(text === '').toBe(status !== 200);
});

const page = '404 page not found\n';
const nowhere = 'the server could not find the requested resource';

test.each([
  ...['//', '//api/v1', '/apis//apps/v1', '/healthz/', '/healthz//', '/openapi//v3', '/../api', '/nope'].map((path) => [path, page]),
  ...['/api//v1', '/api/v1/nope', '/apis/apps//v1', '/apis/apps/v1/nope'].map((path) => [path, nowhere]),
])('%s is not there, and is told so as upstream tells it', async (path, told) => {
  const { status, headers, text } = await server.send({ method: 'GET', path: path as string });
  expect(status).toBe(404);
  expect(headers['x-content-type-options']).toBe(told === page ? 'nosniff' : undefined);
  expect(told === page ? text : JSON.parse(text).message).toBe(told);
});

/** The checks of a server's own parts differ; what was asked is that all are named and passed. */
function expectText(id: string, text: string, response: string): void {
  if (id !== 'proto/readyz-verbose') return void expect(text).toBe(response);
  for (const line of ['[+]ping ok', '[+]log ok', '[+]etcd ok', 'readyz check passed']) {
    expect(response.split('\n')).toContain(line);
    expect(text.split('\n')).toContain(line);
  }
  expect(text).not.toContain('[-]');
}

/** What a controller manager had made is here the test's. */
function ownedByControllers(fields: readonly { readonly manager?: string }[]): boolean {
  return fields.every(({ manager }) => manager === 'kube-controller-manager');
}

/** An answer as the recording wrote it: without what is one cluster's own. */
function recorded(value: unknown): unknown {
  const text = JSON.stringify(value, (key, each) => {
    if (key === 'ca.crt' || key === 'annotations') return undefined;
    if (key === 'uid') return '<uid>';
    if (key === 'resourceVersion' && each !== '') return '<rv>';
    if (key === 'managedFields') return ownedByControllers(each) ? undefined : each;
    if (key === 'creationTimestamp' || key === 'time') return '<time>';
    if (key === 'continue') return '<continue>';
    if (key === 'serverAddress') return '<address>';
    if (key === 'name' && /^x-[a-z0-9]{5}$/.test(each)) return 'x-<random>';
    if (key === 'data' && Object.keys(each).every((name) => name === 'ca.crt')) return undefined;
    return each;
  });
  const plain = text
    .replace(/current: \d+/g, 'current: <rv>')
    .replace(/(precondition \(|record \(|precondition: |meta: )(other|<uid>|[0-9a-f-]{36})/g, '$1<uid>');
  return JSON.parse(plain);
}

test('nobody owns the label of a name that was made up', async () => {
  const send = async (metadata: object) => {
    const { text } = await server.send({ method: 'POST', path: '/api/v1/namespaces?dryRun=All&fieldManager=m', contentType: 'application/json', body: { metadata } });
    return JSON.parse(text).metadata;
  };
  const label = { 'f:kubernetes.io/metadata.name': {} };
  const given = await send({ name: 'given', labels: { a: 'b' } });
  expect(given.managedFields[0].fieldsV1['f:metadata']).toEqual({ 'f:labels': { '.': {}, 'f:a': {}, ...label } });
  const madeUp = await send({ generateName: 'g-', labels: { a: 'b' } });
  expect(madeUp.managedFields[0].fieldsV1['f:metadata']).toEqual({ 'f:generateName': {}, 'f:labels': { '.': {}, 'f:a': {} } });
  expect(madeUp.labels).toEqual({ a: 'b', 'kubernetes.io/metadata.name': madeUp.name });
});

test('a topology that no slice of this version keeps counts for its generation', async () => {
  const path = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
  const send = async (method: string, place: string, endpoint: object) => {
    const body = { metadata: { name: 'slice' }, addressType: 'IPv4', endpoints: [{ addresses: ['192.0.2.1'], ...endpoint }] };
    const { text } = await server.send({ method, path: place, contentType: 'application/json', body });
    const { metadata, endpoints } = JSON.parse(text);
    return [metadata.generation, endpoints];
  };
  const kept = [{ addresses: ['192.0.2.1'], conditions: {} }];
  expect(await send('POST', path, { deprecatedTopology: { a: 'x' } })).toEqual([1, kept]);
  expect(await send('PUT', `${path}/slice`, {})).toEqual([1, kept]);
  expect(await send('PUT', `${path}/slice`, { deprecatedTopology: { a: 'x' } })).toEqual([2, kept]);
});
