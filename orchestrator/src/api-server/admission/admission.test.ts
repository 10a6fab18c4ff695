import { type PersistentVolumeClaim, type Pod, resources, type Service, type StorageClass } from '@berth/kube';
import { expect, test } from 'vitest';
import { aConfigMap, aPod, aServer } from '../server.test-harness.ts';

function aClaim(name: string, storage: string, storageClassName?: string): PersistentVolumeClaim {
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } };
  return {
    metadata: { name, namespace: 'default' },
    spec: { ...spec, ...(storageClassName === undefined ? {} : { storageClassName }) },
  } as PersistentVolumeClaim;
}

function aClass(name: string, more: object = {}): StorageClass {
  return { metadata: { name }, provisioner: 'csi.berth.local', ...more } as StorageClass;
}

test('nothing is created in a namespace that is missing', async () => {
  await using server = await aServer();
  const creation = server.client.create(resources.configmaps, { metadata: { name: 'a', namespace: 'nope' } });
  await expect(creation).rejects.toMatchObject({ code: 'NotFound', message: 'namespaces "nope" not found' });
});

test('claims, volumes and attributes classes are born protected, and claims get the newest default class', async () => {
  await using server = await aServer();
  const { client, clock } = server;
  const isDefault = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  for (const name of ['older', 'newer']) {
    await client.create(resources.storageclasses, aClass(name, { metadata: { name, annotations: isDefault } }));
    await clock.advance(2000);
  }
  const claim = await client.create(resources.persistentvolumeclaims, aClaim('a', '1Gi'));
  expect(claim).toMatchObject({
    metadata: { finalizers: ['kubernetes.io/pvc-protection'] },
    spec: { storageClassName: 'newer' },
  });
  const none = await client.create(resources.persistentvolumeclaims, aClaim('b', '1Gi', ''));
  expect(none.spec?.storageClassName).toBe('');
  for (const kind of [resources.volumeattributesclasses, resources.storageV1beta1Volumeattributesclasses]) {
    const finalizers = kind.version === 'v1' ? ['example.com/mine'] : [];
    const fast = {
      metadata: { name: `fast-${kind.version}`, finalizers },
      driverName: 'csi.berth.local',
      parameters: { a: 'b' },
    };
    const made = await client.create(kind, fast);
    expect(made.metadata.finalizers).toEqual([...finalizers, 'kubernetes.io/vac-protection']);
  }
});

test('a claim grows only when it is bound and its class allows it', async () => {
  await using server = await aServer();
  const { client } = server;
  await client.create(resources.storageclasses, aClass('fixed'));
  await client.create(resources.storageclasses, aClass('elastic', { allowVolumeExpansion: true }));
  for (const name of ['fixed', 'elastic']) {
    const claim = aClaim(name, '1Gi', name);
    const created = await client.create(resources.persistentvolumeclaims, {
      ...claim,
      spec: { ...claim.spec, volumeName: 'v' },
    });
    await client.updateStatus(resources.persistentvolumeclaims, { ...created, status: { phase: 'Bound' } });
  }
  const grow = (name: string) =>
    client.patch(
      resources.persistentvolumeclaims,
      { namespace: 'default', name },
      { type: 'merge', patch: { spec: { resources: { requests: { storage: '2Gi' } } } } },
    );
  await expect(grow('fixed')).rejects.toMatchObject({
    code: 'Forbidden',
    message: expect.stringContaining('the storageclass that provisions the pvc must support resize'),
  });
  expect((await grow('elastic')).spec?.resources?.requests).toEqual({ storage: '2Gi' });
});

test('a pod gets its account, its token, its priority and its tolerations', async () => {
  await using server = await aServer();
  const pod = await server.client.create(
    resources.pods,
    aPod('p', { spec: { priorityClassName: 'system-node-critical' } }) as Pod,
  );
  expect(pod.spec).toMatchObject({
    serviceAccountName: 'default',
    priority: 2_000_001_000,
    preemptionPolicy: 'PreemptLowerPriority',
    tolerations: [
      { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute', tolerationSeconds: 300 },
      { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', tolerationSeconds: 300 },
    ],
    containers: [{ volumeMounts: [{ mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true }] }],
  });
  const { priority: _, preemptionPolicy: __, ...spec } = pod.spec as NonNullable<Pod['spec']>;
  const updated = await server.client.update(resources.pods, { ...pod, spec } as Pod);
  expect(updated.spec).toMatchObject({ priority: 2_000_001_000, preemptionPolicy: 'PreemptLowerPriority' });
  expect(pod.spec?.volumes?.[0]?.name).toMatch(/^kube-api-access-[a-z0-9]{5}$/);
  const opted = await server.client.create(
    resources.pods,
    aPod('q', { spec: { automountServiceAccountToken: false } }) as Pod,
  );
  expect(opted.spec?.volumes).toBeUndefined();
});

test('a pod with an unknown account or class is forbidden', async () => {
  await using server = await aServer();
  const create = (spec: object) => server.client.create(resources.pods, aPod('p', { spec }));
  await expect(create({ serviceAccountName: 'nope' })).rejects.toMatchObject({
    message: 'pods "p" is forbidden: error looking up service account default/nope: serviceaccount "nope" not found',
  });
  await expect(create({ priorityClassName: 'nope' })).rejects.toMatchObject({
    message: 'pods "p" is forbidden: no PriorityClass with name nope was found',
  });
});

test('services get addresses nobody has, keep them through updates, and give them back', async () => {
  await using server = await aServer();
  const { client } = server;
  const aService = (name: string, spec: object = {}) =>
    ({ metadata: { name, namespace: 'default' }, spec: { ports: [{ port: 80 }], ...spec } }) as Service;
  const kubernetes = await client.get(resources.services, { namespace: 'default', name: 'kubernetes' });
  expect(kubernetes.spec?.clusterIP).toBe('10.96.0.1');
  const made = await Promise.all(
    Array.from({ length: 20 }, (_, i) => client.create(resources.services, aService(`s${i}`))),
  );
  expect(new Set(made.map(({ spec }) => spec?.clusterIP)).size).toBe(20);
  const [first] = made as [Service];
  const patched = await client.patch(
    resources.services,
    { namespace: 'default', name: 's0' },
    { type: 'merge', patch: { spec: { type: 'NodePort' } } },
  );
  expect(patched.spec?.clusterIP).toBe(first.spec?.clusterIP);
  expect(patched.spec?.ports?.[0]?.nodePort).toBeGreaterThanOrEqual(30_000);
  const taken = client.create(resources.services, aService('t', { clusterIP: first.spec?.clusterIP }));
  await expect(taken).rejects.toMatchObject({ message: expect.stringContaining('provided IP is already allocated') });
  const outside = client.create(resources.services, aService('t', { clusterIP: '192.168.0.1' }));
  await expect(outside).rejects.toMatchObject({
    message: expect.stringContaining('the provided network does not match the current range'),
  });
  await client.delete(resources.services, { namespace: 'default', name: 's0' });
  const again = await client.create(resources.services, aService('t', { clusterIP: first.spec?.clusterIP }));
  expect(again.spec?.clusterIP).toBe(first.spec?.clusterIP);
  const headless = await client.create(resources.services, aService('h', { clusterIP: 'None' }));
  expect(headless.spec?.clusterIP).toBe('None');
});

test('a generated name is tried again while it is taken', async () => {
  await using server = await aServer();
  const create = () =>
    server.client.create(resources.configmaps, { metadata: { namespace: 'default', generateName: 'g-' } });
  const names = await Promise.all(Array.from({ length: 50 }, async () => (await create()).metadata.name));
  expect(new Set(names).size).toBe(50);
  await expect(server.client.create(resources.configmaps, aConfigMap(names[0] as string))).rejects.toMatchObject({
    code: 'AlreadyExists',
  });
});
