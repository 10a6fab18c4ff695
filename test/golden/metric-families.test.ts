import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { systemClock, systemRng } from '@berth/kit';
import { KubeClient, resources } from '@berth/kube';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JwtTokens } from '../../orchestrator/src/index.ts';
import { anApiServer } from '../harness/api-server.ts';
import { metricProblems } from '../harness/metric-problems.ts';

let server: Awaited<ReturnType<typeof anApiServer>>;
beforeAll(async () => {
  server = await anApiServer({ limits: { maxRequestsInFlight: 400, maxMutatingRequestsInFlight: 200 } });
});
afterAll(() => server[Symbol.asyncDispose]());

const create = (path: string, body: object) => server.send({ method: 'POST', path, contentType: 'application/json', body });
const scrape = async () => (await server.send({ method: 'GET', path: '/metrics' })).text;

async function valueOf(series: string): Promise<number> {
  const line = (await scrape()).split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.split(' ').at(-1) ?? 0);
}

test('who comes in and who may is counted by what became of it, with the time it took', async () => {
  const results = async (name: string, ...of: string[]) =>
    Object.fromEntries(await Promise.all(of.map(async (result) => [result, await valueOf(`${name}{result="${result}"}`)] as const)));
  const tokens = { method: 'GET', path: '/api/v1/nodes', certificate: false, headers: { authorization: 'Bearer nobody' } };
  expect(await server.send(tokens)).toMatchObject({ status: 401 });
  // Nobody has a right to it, and nobody is told so by name.
  expect(await server.send({ method: 'GET', path: '/api/v1/nodes', certificate: false })).toMatchObject({ status: 403 });
  expect(await results('authentication_attempts', 'error', 'failure')).toEqual({ error: 1, failure: 0 });
  expect(await results('authentication_duration_seconds_count', 'error', 'failure')).toEqual({ error: 1, failure: 0 });
  expect(await results('authorization_attempts_total', 'denied', 'no-opinion')).toEqual({ denied: 0, 'no-opinion': 1 });
  expect(await results('authorization_duration_seconds_count', 'no-opinion')).toEqual({ 'no-opinion': 1 });
  const { success } = await results('authentication_duration_seconds_count', 'success');
  expect(success).toBeGreaterThan(0);
  expect(await results('authentication_attempts', 'success')).toEqual({ success: (success as number) + 1 });
  const filters = ['authentication', 'authorization', 'priorityandfairness'];
  for (const filter of filters) expect(await valueOf(`apiserver_request_filter_duration_seconds_count{filter="${filter}"}`)).toBeGreaterThan(0);
});

test('each request with a certificate tells how long that is valid yet', async () => {
  const name = 'apiserver_client_certificate_expiration_seconds';
  const before = await valueOf(`${name}_count`);
  expect(await valueOf(`${name}_bucket{le="86400"}`)).toBe(before + 1);
  // Valid for a day.
  expect(await valueOf(`${name}_bucket{le="43200"}`)).toBe(0);
  expect(await valueOf(`${name}_count`)).toBe(before + 3);
});

test('requests of parts of this process are told as clients tell them, and so are those to servers outside', async () => {
  const client = new KubeClient(server.server.transport());
  const own = 'rest_client_requests_total{code="200",host="localhost",method="GET"}';
  const before = [await valueOf(own), await valueOf('apiserver_selfrequest_total{group="",resource="nodes",subresource="",verb="LIST"}')];
  await client.list(resources.nodes);
  expect(await valueOf(own)).toBe((before[0] as number) + 1);
  expect(await valueOf('apiserver_selfrequest_total{group="",resource="nodes",subresource="",verb="LIST"}')).toBe((before[1] as number) + 1);
  expect(await valueOf('rest_client_request_duration_seconds_count{host="localhost",verb="GET"}')).toBeGreaterThan(0);
  // Nobody listens there.
  const hook = { name: 'a.example.com', sideEffects: 'None', admissionReviewVersions: ['v1'], failurePolicy: 'Ignore', clientConfig: { url: 'https://127.0.0.1:1/' } };
  const rules = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }];
  const configurations = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
  await create(configurations, { metadata: { name: 'a' }, webhooks: [{ ...hook, rules }] });
  await expect.poll(async () => {
    await create('/api/v1/namespaces/default/configmaps', { metadata: { generateName: 'a' } });
    return valueOf('rest_client_requests_total{code="<error>",host="127.0.0.1:1",method="POST"}');
  }).toBeGreaterThan(0);
  await server.send({ method: 'DELETE', path: `${configurations}/a` });
});

test('writes to the store are told by resource and kind of write, lists by where they were answered from', async () => {
  const path = '/api/v1/namespaces/default/secrets';
  const writes = (operation: string) => valueOf(`etcd_requests_total{group="",operation="${operation}",resource="secrets"}`);
  const timed = (operation: string) => valueOf(`etcd_request_duration_seconds_count{group="",operation="${operation}",resource="secrets"}`);
  const { resourceVersion } = JSON.parse((await create(path, { metadata: { name: 'a' } })).text).metadata;
  await create(path, { metadata: { name: 'b', labels: { l: 'x' } } });
  await server.send({ method: 'PATCH', path: `${path}/a`, contentType: 'application/merge-patch+json', body: { data: { k: 'dg==' } } });
  for (const query of ['', '?labelSelector=l=x', `?resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`])
    expect(await server.send({ method: 'GET', path: `${path}${query}` })).toMatchObject({ status: 200 });
  await server.send({ method: 'DELETE', path: `${path}/a` });
  expect(await Promise.all(['create', 'update', 'delete'].map(writes))).toEqual([2, 1, 1]);
  expect(await Promise.all(['create', 'update', 'delete'].map(timed))).toEqual([2, 1, 1]);
  expect(await valueOf('etcd_request_errors_total{group="",operation="create",resource="secrets"}')).toBe(0);
  expect(await valueOf('apiserver_cache_list_total{group="",index="",resource="secrets"}')).toBe(2);
  expect(await valueOf('apiserver_cache_list_fetched_objects_total{group="",index="",resource="secrets"}')).toBe(4);
  expect(await valueOf('apiserver_cache_list_returned_objects_total{group="",resource="secrets"}')).toBe(3);
  expect(await valueOf('apiserver_storage_list_total{group="",resource="secrets"}')).toBe(1);
  expect(await valueOf('apiserver_storage_list_returned_objects_total{group="",resource="secrets"}')).toBe(1);
  expect(await valueOf('apiserver_watch_cache_resource_version{group="",resource="secrets"}')).toBe(server.store.revision);
});

test('pages of metrics are written as Prometheus reads them', async () => {
  expect(metricProblems(await scrape())).toEqual([]);
  expect(metricProblems((await server.send({ method: 'GET', path: '/metrics/slis' })).text)).toEqual([]);
  // What it would find.
  const wrong = '# HELP a A.\n# TYPE a counter\na 1\na 1\n# HELP b_total B.\n# TYPE b_total gauge\nc 1\n# HELP h H.\n# TYPE h histogram\nh_bucket{profile="p",le="1"} 2\nh_bucket{profile="p",le="+Inf"} 1\nh_count{profile="p"} 3\n';
  expect(metricProblems(wrong)).toEqual([
    'not a sample of b_total: c 1',
    'a: a counter without _total',
    'a: a series twice',
    'b_total: _total of a gauge',
    'h: buckets fall at {profile="p",le="+Inf"}',
    'h: its last bucket has not all: {profile="p"}',
  ]);
});

/** What kube-apiserver tells and this server has none of, and why. */
const untold: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^aggregator_discovery_/, 'discovery is made once, from one table'],
  [/^apiextensions_apiserver_validation_ratcheting_seconds$/, 'old and new objects are compared by the rules, in no step of its own'],
  [/^apiserver_audit_/, 'there with an audit policy'],
  [/^apiserver_current_inqueue_requests$/, 'apiserver_flowcontrol_current_inqueue_requests has them by flow'],
  [/^apiserver_flowcontrol_(demand_seats|priority_level_\w+_utilization|read_vs_write_current_requests)$/, 'observed for each nanosecond; the gauges have what they are made of'],
  [/^apiserver_(init_events_total|watch_cache_(consistent_read_total|initializations_total|read_wait_seconds)|storage_decode_errors_total)$|^watch_cache_capacity$|^etcd_bookmark/, 'one cache is there for all resources from the start'],
  [/^apiserver_(storage_data_key|storage_envelope|envelope_encryption)/, 'keys come from a file, not from a KMS'],
  [/^apiserver_(kube_aggregator|webhooks)_x509_/, 'such certificates are not taken'],
  [/^apiserver_(request_timestamp_comparison_time|validation_(declarative|duplicate)_\w+)$/, 'upstream compares two ways of its own'],
  [/^cardinality_enforcement_/, 'no label is limited by flags'],
  [/^(etcd_lease_object_counts|grpc_client_\w+)$/, 'of the client of etcd, which the store may have'],
  [/^field_validation_request_duration_seconds$/, 'unknown fields are found while a body is read'],
  [/^apiserver_nodeport_repair_/, 'ports are taken from what is stored'],
  [/^node_authorizer_graph_actions_duration_seconds$/, 'its graph changes with what is told of objects, in no actions of their own'],
  [/^rest_client_(exec_plugin|transport|request_size|response_size)_/, 'clients in this process have no transport'],
  [/^serviceaccount_((legacy|invalid_legacy)_\w+_uses?|legacy_\w+_token_uses)\w*_total$/, 'no token is made for an account by itself'],
];

test('what kube-apiserver tells is told under the same name, with the same labels, or there is none of it', () => {
  const own = new Map(server.server.metrics.registry.families.map((family) => [family.name, family] as const));
  const recorded = JSON.parse(readFileSync(new URL('metrics.json', import.meta.url), 'utf8')) as { components: Record<string, { name: string; type: string; labels: string[] }[]> };
  const wrong = (recorded.components['kube-apiserver'] ?? []).flatMap(({ name, type, labels }) => {
    const ours = own.get(name);
    const reason = untold.find(([pattern]) => pattern.test(name));
    if (!ours) return reason ? [] : [`${name}: nobody tells it`];
    if (reason) return [`${name}: told, though it is said not to be`];
    const same = ours.type === type && (labels.length === 0 || [...ours.labelNames].sort().join() === labels.filter((label) => label !== 'quantile').sort().join());
    return same ? [] : [`${name}: ${ours.type} ${ours.labelNames}, recorded: ${type} ${labels}`];
  });
  expect(wrong).toEqual([]);
});

// kubernetes-mixin's dashboards, alerts and recording rules for the API server.
test('what dashboards and alerts ask for has series', async () => {
  const text = await scrape();
  const families = `aggregator_unavailable_apiservice apiserver_client_certificate_expiration_seconds_bucket apiserver_current_inflight_requests
    apiserver_request_duration_seconds_bucket apiserver_request_sli_duration_seconds_bucket apiserver_request_slo_duration_seconds_bucket apiserver_request_total
    apiserver_resource_objects apiserver_storage_objects etcd_request_duration_seconds_bucket kubernetes_build_info process_cpu_seconds_total
    process_resident_memory_bytes process_start_time_seconds rest_client_requests_total rest_client_request_duration_seconds_bucket workqueue_adds_total
    workqueue_depth workqueue_queue_duration_seconds_bucket`.split(/\s+/);
  expect(families.filter((name) => !new RegExp(`^${name}[{ ]`, 'm').test(text))).toEqual([]);
  expect(text).toMatch(/^aggregator_unavailable_apiservice\{name="v1\.apps"\} 0$/m);
  const start = (page: string) => /^process_start_time_seconds (\S+)$/m.exec(page)?.[1];
  expect(start(await scrape())).toBe(start(text));
});

test('uses of tokens of service accounts are counted while those live', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const tokens = new JwtTokens({ issuer: 'https://berth', privateKey: pem, clock: systemClock, rng: systemRng });
  await using api = await anApiServer({ more: { tokens } });
  const path = '/api/v1/namespaces/default/serviceaccounts';
  const post = (at: string, body: object) => api.send({ method: 'POST', path: at, contentType: 'application/json', body });
  expect(await post(path, { metadata: { name: 'robot' } })).toMatchObject({ status: 201 });
  const { status } = JSON.parse((await post(`${path}/robot/token`, { spec: {} })).text);
  const use = () => api.send({ method: 'GET', path: '/api', certificate: false, headers: { authorization: `Bearer ${status.token}` } });
  expect([(await use()).status, (await use()).status]).toEqual([200, 200]);
  await api.send({ method: 'DELETE', path: `${path}/robot` });
  expect(await use()).toMatchObject({ status: 401 });
  const { text } = await api.send({ method: 'GET', path: '/metrics' });
  expect(text).toMatch(/^serviceaccount_valid_tokens_total 2$/m);
  expect(text).toMatch(/^serviceaccount_legacy_tokens_total 0$/m);
  expect(text).toMatch(/^authentication_attempts\{result="error"\} 1$/m);
});
