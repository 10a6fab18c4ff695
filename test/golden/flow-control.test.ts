import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';
import { eventually } from '../harness/eventually.ts';
import { goldenFile } from './resource-rules.ts';

interface Recorded {
  readonly metadata: { readonly name: string; readonly annotations: object };
  readonly spec: object;
  readonly status: object;
}

const { objects } = goldenFile<{ objects: { flowschemas: Recorded[]; prioritylevelconfigurations: Recorded[] } }>('bootstrap.json');
const group = '/apis/flowcontrol.apiserver.k8s.io/v1';
let server: Awaited<ReturnType<typeof anApiServer>>;

beforeAll(async () => {
  server = await anApiServer({ limits: { maxRequestsInFlight: 400, maxMutatingRequestsInFlight: 200 } });
  await eventually(async () => (await list('flowschemas')).every(({ status }) => 'conditions' in status));
});
afterAll(() => server[Symbol.asyncDispose]());

async function until(condition: () => Promise<boolean>): Promise<void> {
  await expect.poll(condition).toBe(true);
}

async function list(plural: string): Promise<Recorded[]> {
  const { text } = await server.send({ method: 'GET', path: `${group}/${plural}` });
  return JSON.parse(text).items;
}

const get = (path: string, headers: Record<string, string> = {}) => server.send({ method: 'GET', path, headers });
const send = (method: string, path: string, body: object, contentType = 'application/json') => server.send({ method, path, contentType, body });

/** A request that never ends to be sent. */
async function half(line: string, headers: string): Promise<Disposable> {
  const client = await server.authority.issue('CN=admin, O=system:masters', 'client');
  const socket = connect({ port: server.port, host: '127.0.0.1', ca: server.authority.cert, ...client });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  socket.write(`${line} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n${headers}\r\n{`);
  return { [Symbol.dispose]: () => void socket.destroy() };
}

/** Without what is one object's own. */
function comparable(all: readonly Recorded[]) {
  const own = new Set(['uid', 'resourceVersion', 'creationTimestamp', 'managedFields', 'lastTransitionTime']);
  const plain: Recorded[] = JSON.parse(JSON.stringify(all, (key, value) => (own.has(key) ? undefined : value)));
  return plain.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

test('a fresh server has the flow schemas and priority levels that upstream makes, status and all', async () => {
  expect(comparable(await list('flowschemas'))).toEqual(comparable(objects.flowschemas));
  expect(comparable(await list('prioritylevelconfigurations'))).toEqual(comparable(objects.prioritylevelconfigurations));
});

test('an answer names the schema and the level its request was matched to', async () => {
  const uidOf = async (plural: string, name: string) => JSON.parse((await get(`${group}/${plural}/${name}`)).text).metadata.uid;
  const { headers } = await get('/api/v1/pods', { 'Impersonate-User': 'system:kube-scheduler', 'Impersonate-Group': 'system:masters' });
  // Exempt comes before all others.
  expect(headers['x-kubernetes-pf-flowschema-uid']).toBe(await uidOf('flowschemas', 'exempt'));
  const scheduler = await get('/api/v1/pods', { 'Impersonate-User': 'system:kube-scheduler' });
  expect(scheduler.headers['x-kubernetes-pf-flowschema-uid']).toBe(await uidOf('flowschemas', 'kube-scheduler'));
  expect(scheduler.headers['x-kubernetes-pf-prioritylevel-uid']).toBe(await uidOf('prioritylevelconfigurations', 'workload-high'));
});

test('what is mandatory is mended, and what users said is theirs stays', async () => {
  const merge = 'application/merge-patch+json';
  const path = `${group}/prioritylevelconfigurations/workload-low`;
  await send('PATCH', path, { metadata: { annotations: { 'apf.kubernetes.io/autoupdate-spec': 'false' } }, spec: { limited: { lendablePercent: 10 } } }, merge);
  const { text } = await get(path);
  expect(JSON.parse(text).spec.limited.lendablePercent).toBe(10);
  await until(async () => (await get('/metrics')).text.includes('apiserver_flowcontrol_lower_limit_seats{priority_level="workload-low"} 220'));
  await send('PATCH', path, { metadata: { annotations: { 'apf.kubernetes.io/autoupdate-spec': 'true' } }, spec: { limited: { lendablePercent: 90 } } }, merge);
});

test('a schema without its level says so', async () => {
  const rules = [{ subjects: [{ kind: 'User', user: { name: 'nobody' } }], nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }] }];
  const body = { metadata: { name: 'lost' }, spec: { priorityLevelConfiguration: { name: 'nowhere' }, matchingPrecedence: 5000, rules } };
  expect(await send('POST', `${group}/flowschemas`, body)).toMatchObject({ status: 201 });
  const condition = async () => JSON.parse((await get(`${group}/flowschemas/lost`)).text).status?.conditions?.[0];
  await until(async () => (await condition()) !== undefined);
  expect(await condition()).toMatchObject({
    type: 'Dangling',
    status: 'True',
    reason: 'NotFound',
    message: 'This FlowSchema references the PriorityLevelConfiguration object named "nowhere" but there is no such object',
  });
  const signed = async (name: string) => JSON.parse((await get(`${group}/flowschemas/${name}`)).text).metadata.managedFields;
  const conditions = { 'k:{"type":"Dangling"}': Object.fromEntries(['.', 'f:lastTransitionTime', 'f:message', 'f:reason', 'f:status', 'f:type'].map((field) => [field, {}])) };
  const consumer = { manager: 'api-priority-and-fairness-config-consumer-v1', operation: 'Apply', subresource: 'status', fieldsV1: { 'f:status': { 'f:conditions': conditions } } };
  expect(await signed('lost')).toMatchObject([consumer, { operation: 'Update' }]);
  expect(await signed('catch-all')).toMatchObject([consumer, { manager: 'api-priority-and-fairness-config-producer-v1', operation: 'Update' }]);
});

test('who writes a status of flow control leaves all of the metadata alone', async () => {
  const path = `${group}/flowschemas/catch-all/status?dryRun=All`;
  const { text } = await send('PATCH', path, { metadata: { generateName: 'a/b', labels: { a: 'b' } } }, 'application/merge-patch+json');
  expect(JSON.parse(text)).toMatchObject({ kind: 'FlowSchema', metadata: { name: 'catch-all' } });
  expect(JSON.parse(text).metadata).not.toHaveProperty('generateName');
  expect(JSON.parse(text).metadata).not.toHaveProperty('labels');
});

test('a level with one seat and no queue refuses the second request, with upstream’s words; others are served', async () => {
  const level = { metadata: { name: 'narrow' }, spec: { type: 'Limited', limited: { nominalConcurrencyShares: 0, lendablePercent: 0, borrowingLimitPercent: 0, limitResponse: { type: 'Reject' } } } };
  const rules = [{ subjects: [{ kind: 'User', user: { name: 'greedy' } }], resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }] }];
  const schema = { metadata: { name: 'greedy' }, spec: { priorityLevelConfiguration: { name: 'narrow' }, matchingPrecedence: 50, rules } };
  expect(await send('POST', `${group}/prioritylevelconfigurations`, level)).toMatchObject({ status: 201 });
  expect(await send('POST', `${group}/flowschemas`, schema)).toMatchObject({ status: 201 });
  await until(async () => (await get('/debug/api_priority_and_fairness/dump_priority_levels')).text.includes('narrow'));
  const bindings = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' };
  await send('POST', bindings, { metadata: { name: 'greedy' }, roleRef, subjects: [{ kind: 'User', name: 'greedy', apiGroup: 'rbac.authorization.k8s.io' }] });
  const asGreedy = () => get('/api/v1/pods', { 'Impersonate-User': 'greedy' });
  await until(async () => (await asGreedy()).status === 200);
  // A request has its seat until its body has come.
  using slow = await half('POST /api/v1/namespaces/default/configmaps', 'Impersonate-User: greedy\r\n');
  await until(async () => (await asGreedy()).status === 429);
  const { text: refusal, headers } = await asGreedy();
  expect(refusal).toBe('Too many requests, please try again later.\n');
  expect(headers).toMatchObject({ 'retry-after': expect.stringMatching(/^\d+$/), 'content-type': 'text/plain; charset=utf-8' });
  expect(headers['x-kubernetes-pf-prioritylevel-uid']).toMatch(/^[0-9a-f-]{36}$/);
  expect(await get('/api/v1/pods')).toMatchObject({ status: 200 });
  slow[Symbol.dispose]();
  await until(async () => (await asGreedy()).status === 200);
  const { text } = await get('/metrics');
  expect(text).toMatch(/apiserver_flowcontrol_rejected_requests_total\{flow_schema="greedy",priority_level="narrow",reason="concurrency-limit"\} \d+/);
  expect(text).toMatch(/apiserver_dropped_requests_total\{request_kind="readOnly"\} \d+/);
  // Each request waits for its seats or to be refused, however short; and who is idle says so.
  const of = 'flow_schema="greedy",priority_level="narrow"';
  const told = (family: string) => Number(new RegExp(`^apiserver_flowcontrol_${family} (\\d+)$`, 'm').exec(text)?.[1]);
  expect(told(`request_wait_duration_seconds_count\\{execute="true",${of}\\}`)).toBe(told(`dispatched_requests_total\\{${of}\\}`));
  expect(told(`request_wait_duration_seconds_count\\{execute="false",${of}\\}`)).toBe(told(`rejected_requests_total\\{${of},reason="concurrency-limit"\\}`));
  expect(told(`current_executing_seats\\{${of}\\}`)).toBe(0);
  expect(text).not.toMatch(/request_wait_duration_seconds_count\{[^}]*priority_level="exempt"/);
});

test('the debug tables are there, for those who may see them', async () => {
  const dump = async (what: string, headers = {}) => server.send({ method: 'GET', path: `/debug/api_priority_and_fairness/${what}`, headers });
  const levels = (await dump('dump_priority_levels')).text.split('\n');
  expect(levels[0]).toMatch(/^PriorityLevelName, +ActiveQueues, IsIdle, +IsQuiescing, WaitingRequests, ExecutingRequests, DispatchedRequests, RejectedRequests, TimedoutRequests, CancelledRequests$/);
  expect(levels.filter((line) => line.startsWith('workload-low,'))).toHaveLength(1);
  const queues = (await dump('dump_queues')).text.split('\n');
  expect(queues.filter((line) => line.startsWith('global-default,'))).toHaveLength(128);
  // The request that asks is itself being served.
  const requests = (await dump('dump_requests?includeRequestDetails=1')).text;
  expect(requests).toMatch(/^exempt, +exempt, .*admin, +get, +\/debug\/api_priority_and_fairness\/dump_requests,/m);
  expect(await dump('dump_queues', { 'Impersonate-User': 'jane' })).toMatchObject({ status: 403 });
});

test('flows are told apart where there are queues for them, and nowhere else', async () => {
  const post = async (path: string, body: object) =>
    expect((await server.send({ method: 'POST', path, contentType: 'application/json', body })).status).toBe(201);
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  await post(`${rbac}/clusterroles`, { metadata: { name: 'dumps' }, rules: [{ nonResourceURLs: ['/debug/*'], verbs: ['get'] }] });
  const users = ['spread', 'exempted'].map((name) => ({ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name }));
  await post(`${rbac}/clusterrolebindings`, { metadata: { name: 'dumps' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'dumps' }, subjects: users });
  for (const [name, level] of [['spread', 'global-default'], ['exempted', 'exempt']])
    await post('/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas', {
      metadata: { name },
      spec: {
        priorityLevelConfiguration: { name: level },
        matchingPrecedence: 10,
        distinguisherMethod: { type: 'ByUser' },
        rules: [{ subjects: [{ kind: 'User', user: { name } }], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] }],
      },
    });
  const told = async (user: string) => {
    const { text } = await server.send({ method: 'GET', path: '/debug/api_priority_and_fairness/dump_requests', headers: { 'Impersonate-User': user } });
    return text.split('\n').map((line) => line.split(/, */)).find(([, schema]) => schema === user)?.[4];
  };
  await until(async () => (await told('spread')) !== undefined && (await told('exempted')) !== undefined);
  expect([await told('spread'), await told('exempted')]).toEqual(['spread', '']);
});

test('a list has its seats until its client has taken it, as upstream: who asks for many and takes none is refused', async () => {
  const limits = { nominalConcurrencyShares: 1, lendablePercent: 0, borrowingLimitPercent: 0, limitResponse: { type: 'Reject' } };
  await send('POST', `${group}/prioritylevelconfigurations`, { metadata: { name: 'narrow' }, spec: { type: 'Limited', limited: limits } });
  const resourceRules = [{ verbs: ['list'], apiGroups: [''], resources: ['configmaps'], namespaces: ['default'], clusterScope: false }];
  const rules = [{ subjects: [{ kind: 'User', user: { name: 'greedy' } }], resourceRules }];
  const spec = { priorityLevelConfiguration: { name: 'narrow' }, matchingPrecedence: 2, rules };
  await send('POST', `${group}/flowschemas`, { metadata: { name: 'greedy' }, spec });
  await send('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'greedy' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'greedy' }],
  });
  for (let i = 0; i < 20; i++)
    await send('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: `wide-${i}` }, data: { a: 'x'.repeat(1_000_000) } });
  const path = '/api/v1/namespaces/default/configmaps';
  const client = await server.authority.issue('CN=greedy', 'client');
  const begin = () =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const options = { host: '127.0.0.1', port: server.port, path, agent: false as const, ca: server.authority.cert, ...client };
      request(options, resolve).on('error', reject).end();
    });
  const untaken: IncomingMessage[] = [];
  // As many seats as there are.
  await until(async () => {
    const answer = await begin();
    if (answer.statusCode === 200) untaken.push(answer);
    else answer.resume();
    return answer.statusCode === 429;
  });
  expect(untaken.length).toBeGreaterThan(0);
  for (const answer of untaken) answer.destroy();
  await until(async () => {
    const answer = await begin();
    answer.destroy();
    return answer.statusCode === 200;
  });
});
