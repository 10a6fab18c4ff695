import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';

// Names and labels are those of kube-apiserver 1.36.3 after the same requests.
let server: Awaited<ReturnType<typeof anApiServer>>;
beforeAll(async () => {
  server = await anApiServer();
  await create('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
});
afterAll(() => server[Symbol.asyncDispose]());

const create = (path: string, body: object) => server.send({ method: 'POST', path, contentType: 'application/json', body });

/** Series of the family that are not 0, with their values. */
async function seriesOf(name: string): Promise<string[]> {
  const { text } = await server.send({ method: 'GET', path: '/metrics' });
  return text.split('\n').filter((line) => line.startsWith(`${name}{`) && !line.endsWith(' 0')).map((line) => line.slice(name.length));
}

const labels = (policy: string, version: string, resource = 'pod') => `policy_level="${policy}",policy_version="${version}",request_operation="create",resource="${resource}",subresource=""`;

test('what PodSecurity makes of pods is counted, wherever they are looked at', async () => {
  const policy = (mode: string, level: string, version?: string) => ({
    [`pod-security.kubernetes.io/${mode}`]: level,
    ...(version ? { [`pod-security.kubernetes.io/${mode}-version`]: version } : {}),
  });
  await create('/api/v1/namespaces', { metadata: { name: 'held', labels: { ...policy('enforce', 'baseline', 'v1.30'), ...policy('warn', 'restricted'), ...policy('audit', 'restricted', 'v1.99') } } });
  await create('/api/v1/namespaces/held/serviceaccounts', { metadata: { name: 'default' } });
  const pod = (name: string, more: object = {}) => ({ metadata: { name }, spec: { containers: [{ name: 'c', image: 'i' }], ...more } });
  const statuses = [
    await create('/api/v1/namespaces/default/pods', pod('free')),
    await create('/api/v1/namespaces/held/pods', pod('good')),
    await create('/api/v1/namespaces/held/pods', pod('bad', { hostNetwork: true })),
    // So much is read by another thread.
    await create('/api/v1/namespaces/held/pods', { ...pod('large'), metadata: { name: 'large', annotations: { a: 'x'.repeat(200_000), b: '\n'.repeat(20_000) } } }),
  ].map(({ status }) => status);
  expect(statuses).toEqual([201, 201, 403, 201]);
  await expect.poll(() => seriesOf('pod_security_evaluations_total')).toEqual(expect.arrayContaining([
    `{decision="allow",mode="enforce",${labels('privileged', 'latest')}} 1`,
    `{decision="allow",mode="enforce",${labels('baseline', 'v1.30')}} 2`,
    `{decision="deny",mode="enforce",${labels('baseline', 'v1.30')}} 1`,
    `{decision="deny",mode="audit",${labels('restricted', 'future')}} 3`,
    `{decision="deny",mode="warn",${labels('restricted', 'latest')}} 2`,
  ]));
  expect((await seriesOf('pod_security_evaluations_total')).length).toBe(5);
});

test('a policy that cannot be read is counted, and the strictest holds', async () => {
  const metadata = { name: 'unread', uid: '1', labels: { 'pod-security.kubernetes.io/enforce': 'nope' } };
  const namespace = { kind: 'Namespace', apiVersion: 'v1', metadata, status: { phase: 'Active' } };
  await server.store.write({ key: '/registry/namespaces/unread', value: Buffer.from(JSON.stringify(namespace)) });
  await create('/api/v1/namespaces/unread/serviceaccounts', { metadata: { name: 'default' } });
  const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  expect(await create('/api/v1/namespaces/unread/pods', pod)).toMatchObject({ status: 403 });
  expect(await seriesOf('pod_security_errors_total')).toEqual(['{fatal="false",request_operation="create",resource="pod",subresource=""} 1']);
});

test('deprecated APIs that were asked for are told, with the release they are gone with', async () => {
  for (const path of ['/api/v1/endpoints', '/apis/storage.k8s.io/v1beta1/volumeattributesclasses', '/api/v1/pods'])
    expect(await server.send({ method: 'GET', path })).toMatchObject({ status: 200 });
  expect(await seriesOf('apiserver_requested_deprecated_apis')).toEqual([
    '{group="",removed_release="",resource="endpoints",subresource="",version="v1"} 1',
    '{group="storage.k8s.io",removed_release="1.37",resource="volumeattributesclasses",subresource="",version="v1beta1"} 1',
  ]);
});

test('a process tells how much of the machine it may have', async () => {
  const { text } = await server.send({ method: 'GET', path: '/metrics' });
  for (const name of ['process_max_fds', 'process_open_fds', 'process_virtual_memory_bytes', 'process_resident_memory_bytes'])
    expect(Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])).toBeGreaterThan(0);
});

test('how long admission took is told by plugin and step, and whether that refused the request', async () => {
  const configmaps = '/api/v1/namespaces/timed/configmaps';
  await create('/api/v1/namespaces', { metadata: { name: 'timed' } });
  const before = new Map((await counts()).map(([series, count]) => [series, count]));
  await create(configmaps, { metadata: { name: 'c' } });
  await create('/api/v1/namespaces/none/configmaps', { metadata: { name: 'c' } });
  await server.send({ method: 'DELETE', path: `${configmaps}/c` });
  const more = (await counts()).filter(([series, count]) => count > (before.get(series) ?? 0)).map(([series]) => series);
  const of = (operation: string, type: string, rejected = false) => `operation="${operation}",rejected="${rejected}",type="${type}"`;
  expect(more.filter((series) => series.startsWith('step'))).toEqual([
    `step_admission_duration_seconds_count{${of('CREATE', 'admit')}}`,
    `step_admission_duration_seconds_count{${of('CREATE', 'validate')}}`,
    `step_admission_duration_seconds_count{${of('CREATE', 'admit', true)}}`,
    `step_admission_duration_seconds_count{${of('DELETE', 'admit')}}`,
    `step_admission_duration_seconds_count{${of('DELETE', 'validate')}}`,
    `step_admission_duration_seconds_summary_count{${of('CREATE', 'admit')}}`,
    `step_admission_duration_seconds_summary_count{${of('CREATE', 'validate')}}`,
    `step_admission_duration_seconds_summary_count{${of('CREATE', 'admit', true)}}`,
    `step_admission_duration_seconds_summary_count{${of('DELETE', 'admit')}}`,
    `step_admission_duration_seconds_summary_count{${of('DELETE', 'validate')}}`,
  ]);
  const plugin = (name: string, about: string) => `controller_admission_duration_seconds_count{name="${name}",${about}}`;
  expect(more).toEqual(
    expect.arrayContaining([
      plugin('NamespaceLifecycle', of('CREATE', 'admit', true)),
      plugin('NamespaceLifecycle', of('DELETE', 'admit')),
      plugin('MutatingAdmissionWebhook', of('DELETE', 'admit')),
      plugin('ResourceQuota', of('CREATE', 'validate')),
      plugin('ValidatingAdmissionPolicy', of('DELETE', 'validate')),
    ]),
  );
  // Whom upstream does not ask.
  expect(more).not.toContain(plugin('ResourceQuota', of('DELETE', 'validate')));
  expect(more).not.toContain(plugin('CertificateSigning', of('CREATE', 'validate')));
  const { text } = await server.send({ method: 'GET', path: '/metrics' });
  const quantile = text.split('\n').find((line) => line.includes('_summary{') && line.includes('quantile="0.99"'));
  expect(Number(quantile?.split(' ').at(-1))).toBeGreaterThan(0);

  async function counts(): Promise<(readonly [string, number])[]> {
    const { text } = await server.send({ method: 'GET', path: '/metrics' });
    return text
      .split('\n')
      .filter((line) => /^apiserver_admission_(step|controller)_.*_count\{/.test(line))
      .map((line) => [line.slice('apiserver_admission_'.length, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))] as const);
  }
});

test('buckets are those of a kube-apiserver, written as Go writes them', async () => {
  await create('/api/v1/namespaces', { metadata: { name: 'buckets' } });
  await server.send({ method: 'GET', path: '/api/v1/namespaces' });
  const { text } = await server.send({ method: 'GET', path: '/metrics' });
  const bounds = (name: string) => [
    ...new Set(text.split('\n').filter((line) => line.startsWith(`${name}_bucket`)).map((line) => /le="([^"]*)"/.exec(line)?.[1])),
  ];
  const long = ['0.05', '0.1', '0.2', '0.4', '0.6', '0.8', '1', '1.25', '1.5', '2', '3', '4', '5', '6', '8', '10', '15', '20', '30', '45', '60', '+Inf'];
  expect(bounds('apiserver_request_sli_duration_seconds')).toEqual(long);
  expect(bounds('apiserver_request_duration_seconds')).toEqual(['0.005', '0.025', ...long]);
  expect(bounds('apiserver_response_sizes')).toEqual(['1000', '10000', '100000', '1e+06', '1e+07', '1e+08', '1e+09', '+Inf']);
});

test('what the store tells is counted by resource, and how long the state takes that a watch begins with', async () => {
  const names = ['foos', 'bars'].map((plural) => ({ plural, kind: plural }));
  const schema = { openAPIV3Schema: { type: 'object' } };
  for (const name of names)
    await create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: `${name.plural}.example.com` },
      spec: { group: 'example.com', scope: 'Cluster', names: name, versions: [{ name: 'v1', served: true, storage: true, schema }] },
    });
  for (const name of ['a', 'b']) {
    await create('/apis/example.com/v1/foos', { apiVersion: 'example.com/v1', kind: 'foos', metadata: { name } });
    await create('/apis/networking.k8s.io/v1/ingressclasses', { metadata: { name }, spec: { controller: 'example.com/c' } });
  }
  await server.send({ method: 'DELETE', path: '/apis/example.com/v1/foos/a' });
  for (const name of ['apiserver_storage_events_received_total', 'apiserver_watch_cache_events_dispatched_total'])
    await expect.poll(() => seriesOf(name)).toEqual(
      expect.arrayContaining(['{group="example.com",resource="foos"} 3', '{group="networking.k8s.io",resource="ingressclasses"} 2']),
    );
  const initial = 'watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  await server.send({ method: 'GET', path: `/api/v1/namespaces/default/secrets?${initial}` });
  await server.send({ method: 'GET', path: '/api/v1/namespaces/default/endpoints?watch=1&timeoutSeconds=1' });
  expect(await seriesOf('apiserver_watch_list_duration_seconds_count')).toEqual(['{group="",resource="secrets",scope="namespace",version="v1"} 1']);
});

test('what validating policies refuse, warn of or cannot tell is counted', async () => {
  const group = '/apis/admissionregistration.k8s.io/v1';
  const resourceRules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['secrets'] }];
  const policy = async (name: string, expression: string, failurePolicy: string, validationActions: string[]) => {
    const spec = { failurePolicy, matchConstraints: { resourceRules }, validations: [{ expression }] };
    await create(`${group}/validatingadmissionpolicies`, { metadata: { name }, spec });
    await create(`${group}/validatingadmissionpolicybindings`, { metadata: { name: `${name}-b` }, spec: { policyName: name, validationActions } });
  };
  await policy('strict', 'object.metadata.name != "bad"', 'Fail', ['Deny', 'Audit']);
  await policy('mild', 'object.metadata.name != "bad"', 'Fail', ['Warn']);
  await policy('unsure', 'object.data.x == "y"', 'Ignore', ['Deny']);
  const secret = (name: string) => create('/api/v1/namespaces/default/secrets', { metadata: { name } });
  const inForce = async () => {
    await secret('bad');
    return (await seriesOf('apiserver_validating_admission_policy_check_total')).length;
  };
  await expect.poll(inForce).toBe(4);
  const before = await seriesOf('apiserver_validating_admission_policy_check_total');
  expect(await secret('bad')).toMatchObject({ status: 422 });
  expect(await secret('good')).toMatchObject({ status: 201 });
  const grown = (await seriesOf('apiserver_validating_admission_policy_check_total')).filter((line) => !before.includes(line));
  const of = (action: string, name: string) => `{enforcement_action="${action}",error_type="invalid_error",policy="${name}",policy_binding="${name}-b"}`;
  expect(grown.map((line) => line.replace(/ \d+$/, '')).sort()).toEqual([of('allow', 'unsure'), of('audit', 'strict'), of('deny', 'strict'), of('warn', 'mild')]);
  expect((await seriesOf('apiserver_validating_admission_policy_check_duration_seconds_count')).length).toBe(4);
});

test('rules of definitions tell how long they took', async () => {
  const count = async (what: string) => {
    const { text } = await server.send({ method: 'GET', path: '/metrics' });
    return Number(new RegExp(`apiserver_cel_${what}_duration_seconds_count (\\d+)`).exec(text)?.[1]);
  };
  const rules = { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.metadata.name != "bad"' }] };
  const versions = [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: rules } }];
  const names = { plural: 'ruleds', kind: 'Ruled' };
  const spec = { group: 'rules.example.com', scope: 'Cluster', names, versions };
  await create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', { metadata: { name: 'ruleds.rules.example.com' }, spec });
  const [compiled, evaluated] = [await count('compilation'), await count('evaluation')];
  const ruled = (name: string) => create('/apis/rules.example.com/v1/ruleds', { apiVersion: 'rules.example.com/v1', kind: 'Ruled', metadata: { name } });
  expect([(await ruled('good')).status, (await ruled('bad')).status]).toEqual([201, 422]);
  expect([await count('compilation'), await count('evaluation')]).toEqual([compiled + 1, evaluated + 2]);
});
