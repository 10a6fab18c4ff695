import { afterAll, expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';

const server = await anApiServer();
afterAll(() => server[Symbol.asyncDispose]());

const maps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const contentType = 'application/json';

async function deleted(path: string, object: object, body?: object) {
  await server.send({ method: 'POST', path: '/api/v1/namespaces/default/serviceaccounts', contentType, body: { metadata: { name: 'default' } } });
  const made = await server.send({ method: 'POST', path, contentType, body: object });
  expect(made.status, made.text).toBe(201);
  const { name } = JSON.parse(made.text).metadata;
  const { status, text } = await server.send({ method: 'DELETE', path: `${path}/${name}`, contentType, body });
  return { status, answer: JSON.parse(text) };
}

// As kube-apiserver 1.36.3 answers them.
test('who asks for a cascade in the old way hears that it is not over', async () => {
  const held = { metadata: { name: 'held', finalizers: ['a.b/c'] } };
  expect((await deleted(maps, held, { orphanDependents: false })).status).toBe(202);
  expect((await deleted(maps, { metadata: { name: 'free' } }, { orphanDependents: false })).status).toBe(200);
});

test('a dry run that would end an object with its last finalizer has nothing to tell of it', async () => {
  const orphan = { metadata: { name: 'orphan', finalizers: ['orphan'] } };
  const { status, answer } = await deleted(maps, orphan, { propagationPolicy: 'Background', dryRun: ['All'] });
  expect({ status, answer }).toEqual({ status: 200, answer: { kind: 'ConfigMap', apiVersion: 'v1', metadata: {} } });
});

test('a pod that is gone at once is answered as one that was marked before', async () => {
  const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const { answer } = await deleted(pods, pod);
  expect(answer.metadata).toMatchObject({ generation: 2, deletionGracePeriodSeconds: 0, deletionTimestamp: expect.any(String) });
});

test('a policy there is none of is quoted as Go quotes', async () => {
  const { status, answer } = await deleted(maps, { metadata: { name: 'quoted' } }, { propagationPolicy: '\u2028' });
  const message = String.raw`DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "\u2028": supported values: "Foreground", "Background", "Orphan", "nil"`;
  expect([status, answer.message]).toEqual([422, message]);
});

test('what an eviction has that none has is told as of every other body', async () => {
  const spec = { automountServiceAccountToken: false, containers: [{ name: 'c', image: 'i' }] };
  await server.send({ method: 'POST', path: pods, contentType, body: { metadata: { name: 'evicted' }, spec } });
  const evict = (validation: string) =>
    server.send({ method: 'POST', path: `${pods}/evicted/eviction?dryRun=All&fieldValidation=${validation}`, contentType, raw: '{"metadata":{"name":"x","name":"evicted"},"foo":1}' });
  const warned = await evict('Warn');
  expect([warned.status, warned.headers['warning']]).toEqual([201, String.raw`299 - "duplicate field \"metadata.name\"", 299 - "unknown field \"foo\""`]);
  expect((await evict('Ignore')).headers['warning']).toBeUndefined();
  const message = 'Eviction in version "v1" cannot be handled as a Eviction: strict decoding error: duplicate field "metadata.name", unknown field "foo"';
  const strict = await evict('Strict');
  expect([strict.status, JSON.parse(strict.text).message]).toEqual([400, message]);
});

test('a field selector of nothing selects everything', async () => {
  const { status } = await server.send({ method: 'GET', path: `${maps}?fieldSelector=%3D` });
  expect(status).toBe(200);
});

test.each([
  ['/apis/rbac.authorization.k8s.io/v1/clusterroles?fieldSelector=metadata.namespace%3Dx', 200, undefined],
  ['/api/v1/nodes?fieldSelector=metadata.namespace%3Dx', 400, 'field label not supported: metadata.namespace'],
  ['/apis/batch/v1/cronjobs?fieldSelector=x%3Dy', 400, '"x" is not a known field selector: only "metadata.name", "metadata.namespace"'],
  ['/apis/batch/v1/jobs?fieldSelector=x%3Dy', 400, 'field label "x" not supported for Job'],
  [
    '/apis/resource.k8s.io/v1/resourceslices?fieldSelector=x%3Dy',
    400,
    'field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: x',
  ],
])('%s selects by fields that upstream knows of the kind', async (path, expected, message) => {
  const { status, text } = await server.send({ method: 'GET', path });
  const answer = JSON.parse(text);
  expect([status, answer.message]).toEqual([expected, message]);
  expect(answer.items ?? []).toEqual([]);
});

test('a period beyond all times can still be shortened', async () => {
  const pod = { metadata: { name: 'long' }, spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] } };
  await deleted(pods, pod, { gracePeriodSeconds: 2 ** 40 });
  const { text } = await server.send({ method: 'DELETE', path: `${pods}/long`, contentType, body: { gracePeriodSeconds: 5 } });
  const { creationTimestamp, deletionTimestamp } = JSON.parse(text).metadata;
  expect(Date.parse(deletionTimestamp) - Date.parse(creationTimestamp)).toBe(5000);
});

test("the system's priority classes are not deleted by their name", async () => {
  const path = '/apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical';
  for (const query of ['', '?dryRun=All']) {
    const { status, text } = await server.send({ method: 'DELETE', path: `${path}${query}`, contentType });
    expect({ status, answer: JSON.parse(text) }).toMatchObject({
      status: 403,
      answer: {
        reason: 'Forbidden',
        message:
          'priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and cannot be deleted',
        details: { name: 'system-node-critical', group: 'scheduling.k8s.io', kind: 'priorityclasses' },
      },
    });
  }
  const { status } = await deleted('/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name: 'constructor' }, value: 1 });
  expect(status).toBe(200);
});

test('an update changes nothing of when an object is to be gone', async () => {
  const { answer } = await deleted(maps, { metadata: { name: 'going', finalizers: ['a.b/c'] } });
  const { deletionTimestamp } = answer.metadata;
  for (const sent of ['2001-01-01T00:00:00Z', undefined]) {
    const body = { ...answer, metadata: { name: 'going', finalizers: ['a.b/c'], deletionTimestamp: sent } };
    const { status, text } = await server.send({ method: 'PUT', path: `${maps}/going`, contentType, body });
    expect([status, JSON.parse(text).metadata.deletionTimestamp]).toEqual([200, deletionTimestamp]);
  }
});
