import { KubeClient, resources } from '@berth/kube';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';

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
  }, { timeout: 10_000 }).toBeGreaterThan(0);
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
