import { KubeClient, resources } from '@berth/kube';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';
import { goldenFile } from './resource-rules.ts';

interface Metric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

const { components } = goldenFile<{ components: { 'kube-apiserver': readonly Metric[] } }>('metrics.json');
const recorded = new Map(components['kube-apiserver'].map((metric) => [metric.name, metric]));

/** Upstream has them as well; the recorded server had met nothing of the kind, or they were left out as its process's own. */
const known = [
  'apiserver_audit_error_total',
  'apiserver_audit_level_total',
  'apiserver_dropped_requests_total',
  'apiserver_flowcontrol_current_inqueue_requests',
  'apiserver_flowcontrol_current_inqueue_seats',
  'apiserver_flowcontrol_rejected_requests_total',
  'apiserver_flowcontrol_request_queue_length_after_enqueue',
  'apiserver_flowcontrol_request_wait_duration_seconds',
  'apiserver_request_aborts_total',
  'apiserver_request_terminations_total',
  'authentication_attempts',
  'process_cpu_seconds_total',
  'process_open_fds',
  'process_resident_memory_bytes',
  'process_start_time_seconds',
];

let server: Awaited<ReturnType<typeof anApiServer>>;
const configmaps = '/api/v1/namespaces/default/configmaps';

beforeAll(async () => {
  server = await anApiServer({ limits: {} });
  const json = 'application/json';
  const path = `${configmaps}/c`;
  await server.send({ method: 'POST', path: configmaps, contentType: json, body: { metadata: { name: 'c' } } });
  await server.send({ method: 'GET', path: `${configmaps}?labelSelector=a` });
  await server.send({ method: 'GET', path });
  await server.send({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body: { data: { a: 'b' } } });
  await server.send({ method: 'PUT', path: `${path}?dryRun=All`, contentType: json, body: { metadata: { name: 'c' } } });
  await server.send({ method: 'GET', path: '/api/v1/pods', headers: { 'Impersonate-User': 'jane@example.com' } });
  await server.send({ method: 'GET', path: '/api/v1/invented-by-a-client' });
  await server.send({ method: 'GET', path: `${configmaps}?watch=1&timeoutSeconds=1` });
});
afterAll(() => server[Symbol.asyncDispose]());

interface Served {
  readonly type: string;
  readonly lines: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number; readonly suffix: string }[];
}

async function scrape(): Promise<ReadonlyMap<string, Served>> {
  const { text, headers } = await server.send({ method: 'GET', path: '/metrics' });
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  const families = new Map<string, { type: string; lines: Served['lines'][number][] }>();
  let name = '';
  for (const line of text.trimEnd().split('\n')) {
    const [, family, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (family && type) {
      name = family;
      families.set(name, { type, lines: [] });
    }
    if (line.startsWith('#')) continue;
    const [, full = '', labels = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [key, text] as const);
    families.get(name)?.lines.push({ labels: Object.fromEntries(pairs), value: Number(value), suffix: full.slice(name.length) });
  }
  return families;
}

test('every metric is one of upstream’s, with its type and its labels', async () => {
  for (const [name, { type, lines }] of await scrape()) {
    const metric = recorded.get(name);
    if (!metric) {
      expect(known).toContain(name);
      continue;
    }
    expect({ name, type }).toEqual({ name, type: metric.type });
    for (const { labels } of lines) {
      const { le: _, ...own } = labels;
      expect({ name, labels: Object.keys(own) }).toEqual({ name, labels: metric.labels });
    }
  }
});

test('requests are counted by what they were about, as upstream calls it', async () => {
  const families = await scrape();
  const totals = families.get('apiserver_request_total')?.lines ?? [];
  const total = (labels: object) => totals.filter((line) => Object.entries(labels).every(([key, value]) => line.labels[key] === value)).reduce((sum, { value }) => sum + value, 0);
  const about = { group: '', version: 'v1', resource: 'configmaps', component: 'apiserver' };
  expect(total({ ...about, verb: 'POST', scope: 'resource', code: '201', dry_run: '' })).toBe(1);
  expect(total({ ...about, verb: 'LIST', scope: 'namespace', code: '200' })).toBe(1);
  expect(total({ ...about, verb: 'GET', scope: 'resource', code: '200' })).toBe(1);
  expect(total({ ...about, verb: 'PATCH', code: '200' })).toBe(1);
  expect(total({ ...about, verb: 'PUT', dry_run: 'All', code: '200' })).toBe(1);
  expect(total({ resource: 'pods', verb: 'LIST', scope: 'cluster', code: '403' })).toBe(1);
  expect(JSON.stringify(totals)).not.toContain('invented');
  const users = families.get('authenticated_user_requests')?.lines.map(({ labels }) => labels['username']);
  expect(users).toEqual(['admin']);
});

test('who decided is counted by the mode, for those who may not do everything anyway', async () => {
  const before = (await scrape()).get('apiserver_authorization_decisions_total')?.lines[0]?.value ?? 0;
  const headers = { 'Impersonate-User': 'jane', 'Impersonate-Group': 'system:authenticated' };
  for (const path of ['/api', '/api/v1/nodes']) await server.send({ method: 'GET', path, headers });
  const labels = { decision: 'allowed', name: 'rbac', type: 'RBAC' };
  expect((await scrape()).get('apiserver_authorization_decisions_total')?.lines).toEqual([{ labels, value: before + 1, suffix: '' }]);
});

test('what lists ask of the store is counted', async () => {
  const count = async (name: string) =>
    (await scrape()).get(name)?.lines.find(({ labels }) => labels['group'] === '' && labels['resource'] === 'configmaps')?.value ?? 0;
  const [lists, objects] = [await count('apiserver_storage_list_total'), await count('apiserver_storage_list_fetched_objects_total')];
  const { text } = await server.send({ method: 'GET', path: configmaps });
  expect(await count('apiserver_storage_list_total')).toBe(lists + 1);
  expect(await count('apiserver_storage_list_fetched_objects_total')).toBe(objects + JSON.parse(text).items.length);
});

test('what parts of this process ask is counted with the rest', async () => {
  const client = new KubeClient(server.server.transport());
  const ref = { namespace: 'default', name: 'own' };
  const about = { group: '', version: 'v1', resource: 'secrets', component: 'apiserver' };
  const counted = async (labels: object) => {
    const totals = (await scrape()).get('apiserver_request_total')?.lines ?? [];
    return totals.filter((line) => Object.entries({ ...about, ...labels }).every(([key, value]) => line.labels[key] === value)).reduce((sum, { value }) => sum + value, 0);
  };
  await expect(client.get(resources.secrets, ref)).rejects.toThrow('not found');
  await client.create(resources.secrets, { metadata: ref });
  for (let i = 0; i < 2; i++) await client.list(resources.secrets, { namespace: 'default' });
  expect(await counted({ verb: 'GET', scope: 'resource', code: '404' })).toBe(1);
  expect(await counted({ verb: 'POST', scope: 'resource', code: '201' })).toBe(1);
  expect(await counted({ verb: 'LIST', scope: 'namespace', code: '200' })).toBe(2);
  const stop = new AbortController();
  const watch = server.server.transport().watch({ method: 'GET', path: '/api/v1/secrets?watch=1' }, stop.signal)[Symbol.asyncIterator]();
  expect(await watch.next()).toMatchObject({ value: { type: 'ADDED' } });
  expect(await counted({ verb: 'WATCH' })).toBe(0);
  await watch.return?.();
  expect(await counted({ verb: 'WATCH', scope: 'cluster', code: '200' })).toBe(1);
});

test('events that watches were sent are counted, with their sizes', async () => {
  const families = await scrape();
  const about = { group: '', resource: 'configmaps', version: 'v1' };
  expect(families.get('apiserver_watch_events_total')?.lines).toEqual([{ labels: about, value: 1, suffix: '' }]);
  const sum = families.get('apiserver_watch_events_sizes')?.lines.find(({ suffix }) => suffix === '_sum');
  expect(sum?.value).toBeGreaterThan(100);
});

test('a histogram’s buckets rise to its count, and gauges tell what is', async () => {
  const families = await scrape();
  const durations = families.get('apiserver_request_duration_seconds')?.lines ?? [];
  const buckets = durations.filter(({ suffix, labels }) => suffix === '_bucket' && labels['verb'] === 'POST').map(({ value }) => value);
  expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
  expect(buckets.at(-1)).toBe(1);
  const objects = families.get('apiserver_resource_objects')?.lines.find(({ labels }) => labels['resource'] === 'configmaps');
  const { text } = await server.send({ method: 'GET', path: '/api/v1/configmaps' });
  expect(objects?.value).toBe(JSON.parse(text).items.length);
  const stored = families.get('apiserver_storage_objects')?.lines.find(({ labels }) => labels['resource'] === 'flowschemas.flowcontrol.apiserver.k8s.io');
  expect(stored?.value).toBe(11);
  expect(families.get('apiserver_flowcontrol_nominal_limit_seats')?.lines.find(({ labels }) => labels['priority_level'] === 'workload-low')?.value).toBe(245);
});

test('health checks are counted as service level indicators, for those who may read metrics', async () => {
  const slis = (method: string, user?: string) =>
    server.send({ method, path: '/metrics/slis', headers: user === undefined ? {} : { 'Impersonate-User': user } });
  await slis('DELETE');
  for (const path of ['/livez', '/livez?exclude=log', '/livez/ping', '/readyz/ping']) await server.send({ method: 'GET', path });
  const { text, headers } = await slis('GET');
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  const lines = text.split('\n');
  expect(lines).toContain('# TYPE kubernetes_healthcheck gauge');
  expect(lines).toContain('kubernetes_healthcheck{name="etcd",type="livez"} 1');
  expect(lines).toContain('# TYPE kubernetes_healthchecks_total counter');
  // One check alone is not counted, nor one that is left out.
  expect(lines).toContain('kubernetes_healthchecks_total{name="ping",status="success",type="livez"} 2');
  expect(lines).toContain('kubernetes_healthchecks_total{name="log",status="success",type="livez"} 1');
  expect(text).not.toContain('readyz');
  expect((await slis('GET', 'jane')).status).toBe(403);
  expect((await server.send({ method: 'GET', path: '/' })).text).toContain('"/metrics/slis"');
  expect(await slis('DELETE')).toMatchObject({ status: 200, text: 'metrics reset\n' });
  expect((await slis('GET')).text).not.toContain('kubernetes_health');
});
