import { type KubeObject, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aConfigMap, aPod, aServer } from '../../server.test-harness.ts';

/** A server with a quota whose status the controller has begun. */
async function withQuota(hard: Record<string, string>, spec: object = {}) {
  const s = await aServer();
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
