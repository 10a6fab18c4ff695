import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KubeObject, resources } from '@berth/kube';
import { expect, onTestFinished, test } from 'vitest';
import { aConfigMap, aPod, aServer } from '../../server.test-harness.ts';
import type { ServerContext } from '../../server-context.ts';
import type { StoredObject } from '../../stored-object.ts';
import type { AdmissionRequest } from '../admission.ts';
import { resourceQuota } from './resource-quota.ts';

/** A server whose plugin is told this. */
async function configured(configuration: object) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-quota-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AdmissionConfiguration' };
  const configFile = join(folder, 'admission.yaml');
  writeFileSync(configFile, JSON.stringify({ ...head, plugins: [{ name: 'ResourceQuota', configuration }] }));
  return aServer({ admissionPlugins: { enable: [], disable: [], configFile } });
}

const limiting = (...limitedResources: object[]) => ({
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'ResourceQuotaConfiguration',
  limitedResources,
});

/** With a quota whose status the controller has begun. */
async function withQuota(hard: Record<string, string>, spec: object = {}, server = aServer()) {
  const s = await server;
  const metadata = { name: 'q', namespace: 'default' };
  const quota = await s.client.create(resources.resourcequotas, { metadata, spec: { hard, ...spec } } as never);
  const used = Object.fromEntries(Object.keys(hard).map((name) => [name, '0']));
  await s.client.updateStatus(resources.resourcequotas, { ...quota, status: { hard, used } });
  return Object.assign(s, {
    used: async () => (await s.client.get(resources.resourcequotas, metadata)).status?.used,
  });
}

const pod = (name: string, own?: object, spec: object = {}) =>
  aPod(name, {
    spec: { containers: [{ name: 'c', image: 'i', ...(own ? { resources: own } : {}) }], ...spec },
  }) as KubeObject as never;

const claim = (name: string, storage: string, storageClassName = 'fast') => ({
  metadata: { name, namespace: 'default' },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage } } },
});

test('pods are counted as they are made, and one too many is refused with the numbers', async () => {
  await using s = await withQuota({ pods: '2', 'requests.cpu': '1', 'limits.memory': '1Gi' });
  const own = { requests: { cpu: '400m' }, limits: { memory: '256Mi' } };
  for (const name of ['a', 'b']) await s.client.create(resources.pods, pod(name, own));
  expect(await s.used()).toEqual({ pods: '2', 'requests.cpu': '800m', 'limits.memory': '512Mi' });
  await expect(s.client.create(resources.pods, pod('c', own))).rejects.toThrow(
    'pods "c" is forbidden: exceeded quota: q, requested: pods=1,requests.cpu=400m, used: pods=2,requests.cpu=800m, limited: pods=2,requests.cpu=1',
  );
  expect(await s.used()).toMatchObject({ pods: '2' });
});

test('a pod that does not say what is counted is refused, and names the containers', async () => {
  await using s = await withQuota({ 'limits.cpu': '1', memory: '1Gi' });
  await expect(s.client.create(resources.pods, pod('p'))).rejects.toThrow(
    'pods "p" is forbidden: failed quota: q: must specify limits.cpu for: c; memory for: c',
  );
});

test('claims count by size and class, also when they grow', async () => {
  const fast = 'fast.storageclass.storage.k8s.io';
  await using s = await withQuota({
    'requests.storage': '10Gi',
    [`${fast}/requests.storage`]: '4Gi',
    persistentvolumeclaims: '5',
  });
  await s.client.create(resources.persistentvolumeclaims, claim('a', '3Gi'));
  await expect(s.client.create(resources.persistentvolumeclaims, claim('b', '2Gi'))).rejects.toThrow(
    `persistentvolumeclaims "b" is forbidden: exceeded quota: q, requested: ${fast}/requests.storage=2Gi, used: ${fast}/requests.storage=3Gi, limited: ${fast}/requests.storage=4Gi`,
  );
  await s.client.create(resources.persistentvolumeclaims, claim('b', '6Gi', 'slow'));
  expect(await s.used()).toEqual({
    'requests.storage': '9Gi',
    [`${fast}/requests.storage`]: '3Gi',
    persistentvolumeclaims: '2',
  });
});

/** quota/v1/evaluator/core/resource_claims.go */
test('devices are counted by class: of alternatives the most of each, of all those that a claim may get', async () => {
  const [gold, iron] = ['gold', 'iron'].map((name) => `${name}.deviceclass.resource.k8s.io/devices`) as [
    string,
    string,
  ];
  await using s = await withQuota({ [gold]: '40', [iron]: '5', 'count/resourceclaims.resource.k8s.io': '9' });
  const asking = (name: string, ...requests: object[]) =>
    ({ metadata: { name, namespace: 'default' }, spec: { devices: { requests } } }) as never;
  const one = (deviceClassName: string, own: object = {}) => ({ name: 'one', deviceClassName, ...own });
  const older = { ...one('gold'), name: 'older' };
  await s.client.create(resources.resourceV1beta1Resourceclaims, asking('older', older));
  const all = { name: 'all', exactly: { deviceClassName: 'gold', allocationMode: 'All' } };
  const either = {
    name: 'either',
    firstAvailable: [one('iron', { count: 4 }), { ...one('iron', { count: 2 }), name: 'two' }],
  };
  await s.client.create(resources.resourceclaims, asking('a', all, either));
  expect(await s.used()).toEqual({ [gold]: '33', [iron]: '4', 'count/resourceclaims.resource.k8s.io': '2' });
  await expect(s.client.create(resources.resourceclaims, asking('b', either))).rejects.toThrow(
    `resourceclaims.resource.k8s.io "b" is forbidden: exceeded quota: q, requested: ${iron}=4, used: ${iron}=4, limited: ${iron}=5`,
  );
});

test('of many at once only as many as there is room for are made', async () => {
  await using s = await withQuota({ 'count/configmaps': '5' });
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) => s.client.create(resources.configmaps, aConfigMap(`c${i}`))),
  );
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
  expect(await s.used()).toEqual({ 'count/configmaps': '5' });
});

test('a dry run is refused as the real one would be, and counts nothing', async () => {
  await using s = await withQuota({ configmaps: '1' });
  const dryRun = (name: string) =>
    s.client.raw({ method: 'POST', path: '/api/v1/namespaces/default/configmaps?dryRun=All', body: aConfigMap(name) });
  await dryRun('a');
  expect(await s.used()).toEqual({ configmaps: '0' });
  await s.client.create(resources.configmaps, aConfigMap('a'));
  await expect(dryRun('b')).rejects.toThrow(/exceeded quota/);
});

test('a quota with scopes counts only what is in them', async () => {
  await using s = await withQuota({ pods: '1' }, { scopes: ['BestEffort'] });
  await s.client.create(resources.pods, pod('burst', { requests: { cpu: '1' } }));
  await s.client.create(resources.pods, pod('best'));
  await expect(s.client.create(resources.pods, pod('second'))).rejects.toThrow(/exceeded quota/);
  await s.client.create(resources.pods, pod('burst-2', { requests: { cpu: '1' } }));
  expect(await s.used()).toEqual({ pods: '1' });
});

/** pvcMatchesScopeFunc, and CheckRequest: what was not in the scope before is charged in full. */
test('a claim is of each VolumeAttributesClass that it has or should have, and is charged when it comes to one', async () => {
  const of = (name: string) => ({
    scopeSelector: { matchExpressions: [{ scopeName: 'VolumeAttributesClass', operator: 'In', values: [name] }] },
  });
  await using s = await withQuota({ persistentvolumeclaims: '1' }, of('silver'));
  const create = (name: string, volumeAttributesClassName: string) =>
    s.client.create(resources.persistentvolumeclaims, {
      ...claim(name, '1Gi'),
      spec: { ...claim(name, '1Gi').spec, volumeAttributesClassName },
    });
  const silver = { spec: { volumeAttributesClassName: 'silver' } };
  const change = (name: string) =>
    s.client.patch(resources.persistentvolumeclaims, { namespace: 'default', name }, { type: 'merge', patch: silver });
  for (const name of ['a', 'b']) {
    await create(name, 'gold');
    const { metadata } = claim(name, '1Gi');
    const bound = await s.client.get(resources.persistentvolumeclaims, metadata);
    await s.client.updateStatus(resources.persistentvolumeclaims, { ...bound, status: { phase: 'Bound' } });
  }
  expect(await s.used()).toEqual({ persistentvolumeclaims: '0' });
  await change('a');
  expect(await s.used()).toEqual({ persistentvolumeclaims: '1' });
  await expect(change('b')).rejects.toThrow('exceeded quota: q, requested: persistentvolumeclaims=1');
  await expect(create('c', 'silver')).rejects.toThrow('exceeded quota: q, requested: persistentvolumeclaims=1');
});

/** podEvaluator.Handles */
test('a pod that gets a deadline is charged to the quota of those that have one', async () => {
  await using s = await withQuota({ pods: '1' }, { scopes: ['Terminating'] });
  await s.client.create(resources.pods, pod('a'));
  expect(await s.used()).toEqual({ pods: '0' });
  const patch = { spec: { activeDeadlineSeconds: 3600 } };
  await s.client.patch(resources.pods, { namespace: 'default', name: 'a' }, { type: 'merge', patch });
  expect(await s.used()).toEqual({ pods: '1' });
  await expect(s.client.create(resources.pods, pod('b', undefined, patch.spec))).rejects.toThrow('exceeded quota: q');
});

/** quota/v1/generic Matches and resourcequota hasUsageStats: of its status, not its spec. */
test('a new quota limits nothing before its status says so; what that says to be limited and was not counted waits', async () => {
  await using s = await aServer();
  const metadata = { name: 'new', namespace: 'default' };
  const hard = { configmaps: '1' };
  const quota = await s.client.create(resources.resourcequotas, { metadata, spec: { hard } });
  for (const name of ['a', 'b']) await s.client.create(resources.configmaps, aConfigMap(name));
  await s.client.updateStatus(resources.resourcequotas, { ...quota, status: { hard } });
  await expect(s.client.create(resources.configmaps, aConfigMap('c'))).rejects.toThrow(
    'configmaps "c" is forbidden: status unknown for quota: new, resources: configmaps',
  );
});

/** apiserver's CheckRequest; a real one answers the same. */
test('what the server limits by itself is had only where a quota is about it', async () => {
  const server = configured(
    limiting({ resource: 'persistentvolumeclaims', matchContains: ['.storageclass.storage.k8s.io/requests.storage'] }),
  );
  const fast = 'fast.storageclass.storage.k8s.io/requests.storage';
  await using s = await withQuota({ [fast]: '5Gi' }, {}, server);
  await s.client.create(resources.persistentvolumeclaims, claim('a', '1Gi'));
  await expect(s.client.create(resources.persistentvolumeclaims, claim('b', '1Gi', 'slow'))).rejects.toMatchObject({
    code: 'Forbidden',
    message:
      'persistentvolumeclaims "b" is forbidden: insufficient quota to consume: slow.storageclass.storage.k8s.io/requests.storage',
  });
  await s.client.create(resources.configmaps, aConfigMap('c'));
  await s.client.create(resources.namespaces, { metadata: { name: 'bare' } });
  const elsewhere = { ...claim('a', '1Gi'), metadata: { name: 'a', namespace: 'bare' } };
  await expect(s.client.create(resources.persistentvolumeclaims, elsewhere)).rejects.toThrow(
    `persistentvolumeclaims "a" is forbidden: insufficient quota to consume: ${fast}`,
  );
  await s.client.delete(resources.resourcequotas, { namespace: 'default', name: 'q' });
  const labels = { metadata: { labels: { still: 'there' } } };
  const own = { namespace: 'default', name: 'a' };
  await s.client.patch(resources.persistentvolumeclaims, own, { type: 'merge', patch: labels });
});

test('pods of a scope that the server limits need a quota with that scope', async () => {
  const scope = { scopeName: 'PriorityClass', operator: 'In', values: ['system-node-critical', 'other'] };
  const server = configured(limiting({ resource: 'pods', matchScopes: [scope] }));
  await using s = await withQuota({ pods: '5' }, {}, server);
  await s.client.create(resources.pods, pod('plain'));
  const critical = { priorityClassName: 'system-node-critical' };
  await expect(s.client.create(resources.pods, pod('a', undefined, critical))).rejects.toMatchObject({
    code: 'Unknown',
    message: 'insufficient quota to match these scopes: [{PriorityClass In [system-node-critical other]}]',
  });
  await s.client.create(resources.resourcequotas, {
    metadata: { name: 'critical', namespace: 'default' },
    spec: { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'Exists' }] } },
  });
  await s.client.create(resources.pods, pod('a', undefined, critical));
});

test.each([
  [limiting({ matchContains: ['cpu'] }), 'limitedResources[0].resource: Required value'],
  [
    { apiVersion: 'resourcequota.admission.k8s.io/v1beta1', kind: 'Configuration', limitedResources: [{}, {}] },
    '[limitedResources[0].resource: Required value, limitedResources[1].resource: Required value]',
  ],
  [
    limiting({ resource: 'pods', matchContains: 'cpu' }),
    'json: cannot unmarshal string into Go struct field LimitedResource.limitedResources.matchContains of type []string',
  ],
  [
    limiting({ resource: 'pods', matchScopes: [{ scopeName: 5 }] }),
    'json: cannot unmarshal number into Go struct field ScopedResourceSelectorRequirement.limitedResources.matchScopes.scopeName of type v1.ResourceQuotaScope',
  ],
  [
    { ...limiting({ resource: 'pods', matchcontains: ['cpu'] }), foo: 1 },
    'strict decoding error: unknown field "foo", unknown field "limitedResources[0].matchcontains"',
  ],
  [{ limitedResources: [] }, `Object 'Kind' is missing in '{"limitedResources":[]}'`],
  [
    { ...limiting(), kind: 'Foo' },
    'no kind "Foo" is registered for version "apiserver.config.k8s.io/v1" in scheme "pkg/runtime/scheme.go:111"',
  ],
])('a server that is told %j does not start', async (configuration, why) => {
  await expect(configured(configuration)).rejects.toThrow(`couldn't init admission plugin "ResourceQuota": ${why}`);
});

test('a quota that was written is not charged again because another was changed at the same time', async () => {
  const quota = (name: string) => ({
    object: { metadata: { name }, status: { hard: { configmaps: '9' }, used: { configmaps: '0' } } },
  });
  const stored = new Map(['a', 'b'].map((name) => [name, quota(name)]));
  let refusals = 1;
  const storage = {
    mayHaveAny: () => true,
    range: async () => ({ objects: [...stored.values()] }),
    replace: async (_: StoredObject, next: ReturnType<typeof quota>['object']) => {
      if (next.metadata.name === 'b' && refusals-- > 0) return undefined;
      stored.set(next.metadata.name, { object: next });
      return next;
    },
  };
  const context = { storageOf: () => storage } as unknown as ServerContext;
  const definition = { group: '', plural: 'configmaps', namespaced: true, stored: true };
  const request = { definition, operation: 'create', subresource: '', namespace: 'n', name: 'c', object: {} };
  await resourceQuota(context, [])(request as unknown as AdmissionRequest);
  expect([...stored.values()].map(({ object }) => object.status.used)).toEqual([
    { configmaps: '1' },
    { configmaps: '1' },
  ]);
});
