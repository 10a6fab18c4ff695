import { type PersistentVolume, type PersistentVolumeClaim, type PersistentVolumeSpec, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aClaim, aClass } from '../../../../test/harness/storage-builders.ts';
import { StorageWorld } from '../../../../test/harness/storage-world.ts';

const {
  persistentvolumeclaims: claims,
  persistentvolumes: volumes,
  pods,
  storageclasses,
  volumeattributesclasses,
} = resources;

const aWorld = () => StorageWorld.start({ provisioner: false });

function aVolume(name: string, storage: string, spec: PersistentVolumeSpec = {}): PersistentVolume {
  return {
    metadata: { name },
    spec: {
      capacity: { storage },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: `/tmp/${name}` },
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: 'manual',
      ...spec,
    },
  };
}

const aManualClaim = (name: string, spec: PersistentVolumeClaim['spec'] = {}) =>
  aClaim(name, { storageClassName: 'manual', ...spec });

const phaseOf = (world: StorageWorld, name: string) => world.one(volumes, name)?.status?.phase;
const volumeOf = (world: StorageWorld, name: string) => world.one(claims, name)?.spec?.volumeName;

test('a claim takes the smallest volume that fits, and of equal ones that with fewest access modes', async () => {
  await using world = await aWorld();
  await world.create(volumes, aVolume('large', '10Gi'));
  await world.create(volumes, aVolume('small', '1Gi'));
  await world.create(volumes, aVolume('tiny', '1Mi'));
  await world.create(volumes, aVolume('shared', '2Gi', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] }));
  await world.until(() => world.api.all(volumes).every(({ status }) => status?.phase === 'Available'));
  await world.create(claims, aManualClaim('c1', { resources: { requests: { storage: '500Mi' } } }));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  expect(volumeOf(world, 'c1')).toBe('small');
  const both = ['ReadWriteOnce', 'ReadWriteMany'];
  await world.create(claims, aManualClaim('c2', { accessModes: both }));
  await world.until(() => world.claimPhase('c2') === 'Bound');
  expect(volumeOf(world, 'c2')).toBe('shared');
  expect(world.one(claims, 'c2')?.status).toMatchObject({ accessModes: both, capacity: { storage: '2Gi' } });
});

for (const { about, spec } of [
  { about: 'a volume of another class', spec: { storageClassName: 'other' } },
  { about: 'a block volume', spec: { volumeMode: 'Block' } },
  { about: 'a volume with other access modes', spec: { accessModes: ['ReadOnlyMany'] } },
  { about: 'a volume reserved for another claim', spec: { claimRef: { namespace: 'NS', name: 'other' } } },
  { about: 'a volume of another attributes class', spec: { volumeAttributesClassName: 'gold' } },
  { about: 'a volume that is too small', spec: { capacity: { storage: '1Ki' } } },
]) {
  test(`a claim does not take ${about}`, async () => {
    await using world = await aWorld();
    await world.create(volumes, aVolume('v', '1Gi', spec));
    await world.create(claims, aManualClaim('c1'));
    await world.clock.advance(10_000);
    expect(world.claimPhase('c1')).toBe('Pending');
    expect(phaseOf(world, 'v')).toBe('Available');
  });
}

test('twenty claims that come at once share ten volumes without taking one twice', async () => {
  await using world = await aWorld();
  for (let i = 0; i < 20; i++) await world.create(claims, aManualClaim(`c${i}`));
  for (let i = 0; i < 10; i++) await world.create(volumes, aVolume(`v${i}`, '1Gi'));
  await world.until(() => world.api.all(volumes).every(({ status }) => status?.phase === 'Bound'));
  const bound = world.api.all(claims).filter(({ status }) => status?.phase === 'Bound');
  expect(new Set(bound.map(({ spec }) => spec?.volumeName)).size).toBe(10);
  await world.create(volumes, aVolume('late', '1Gi'));
  await world.until(() => phaseOf(world, 'late') === 'Bound');
});

test('a volume reserved by name waits for its claim, and a claim that names a volume for that', async () => {
  await using world = await aWorld();
  await world.create(volumes, aVolume('reserved', '5Gi', { claimRef: { namespace: 'NS', name: 'c1' } }));
  await world.create(volumes, aVolume('better', '1Gi'));
  await world.until(() => phaseOf(world, 'reserved') === 'Available');
  await world.create(claims, aManualClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  expect(volumeOf(world, 'c1')).toBe('reserved');
  await world.create(claims, aManualClaim('c2', { volumeName: 'later' }));
  await world.clock.advance(1000);
  expect(world.claimPhase('c2')).toBe('Pending');
  await world.create(volumes, aVolume('later', '1Gi'));
  await world.until(() => world.claimPhase('c2') === 'Bound');
});

test('a claim that names a volume it cannot use is told why', async () => {
  await using world = await aWorld();
  await world.create(volumes, aVolume('small', '1Ki'));
  await world.create(claims, aManualClaim('c1', { volumeName: 'small' }));
  await world.until(() => world.events.recorded.length > 0);
  expect(world.events.lines).toEqual([
    'VolumeMismatch: Cannot bind to requested volume "small": requested PV is too small',
  ]);
});

test('a claim whose volume vanishes is Lost', async () => {
  await using world = await aWorld();
  await world.create(volumes, aVolume('v', '1Gi'));
  await world.create(claims, aManualClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  await world.client.delete(volumes, { name: 'v' });
  await world.client.patch(volumes, { name: 'v' }, { type: 'merge', patch: { metadata: { finalizers: null } } });
  await world.until(() => world.claimPhase('c1') === 'Lost');
  expect(world.events.lines.at(-1)).toBe(
    'ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!',
  );
  expect(world.one(claims, 'c1')?.status?.capacity).toBeUndefined();
});

test('a bound volume being deleted stays until its claim is gone', async () => {
  await using world = await aWorld();
  await world.create(volumes, aVolume('v', '1Gi'));
  await world.create(claims, aManualClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  await world.client.delete(volumes, { name: 'v' });
  await world.clock.advance(5000);
  expect(phaseOf(world, 'v')).toBe('Bound');
  await world.client.delete(claims, { namespace: 'NS', name: 'c1' });
  await world.until(() => world.api.all(volumes).length === 0);
});

test('a hand-made volume with policy Delete that nobody can delete fails, and says so', async () => {
  await using world = await aWorld();
  await world.create(volumes, aVolume('v', '1Gi', { persistentVolumeReclaimPolicy: 'Delete' }));
  await world.create(claims, aManualClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  await world.client.delete(claims, { namespace: 'NS', name: 'c1' });
  await world.until(() => phaseOf(world, 'v') === 'Failed');
  expect(world.one(volumes, 'v')?.status?.message).toContain('no deletable volume plugin matched');
});

test('a released volume whose reservation is taken back by hand is available again', async () => {
  await using world = await aWorld();
  await world.create(volumes, aVolume('v', '1Gi'));
  await world.create(claims, aManualClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  await world.client.delete(claims, { namespace: 'NS', name: 'c1' });
  await world.until(() => phaseOf(world, 'v') === 'Released');
  await world.create(claims, aManualClaim('c1'));
  await world.clock.advance(1000);
  expect(world.claimPhase('c1')).toBe('Pending');
  await world.client.patch(volumes, { name: 'v' }, { type: 'merge', patch: { spec: { claimRef: null } } });
  await world.until(() => world.claimPhase('c1') === 'Bound');
});

test('a claim of an unknown class waits, and goes on when the class is made', async () => {
  await using world = await aWorld();
  await world.create(claims, aManualClaim('c1'));
  await world.until(() => world.events.recorded.length > 0);
  expect(world.events.lines).toEqual(['ProvisioningFailed: storageclass.storage.k8s.io "manual" not found']);
  await world.create(storageclasses, aClass('manual'));
  const provisioner = 'volume.kubernetes.io/storage-provisioner';
  await world.until(() => world.one(claims, 'c1')?.metadata.annotations?.[provisioner] === 'hostpath.csi.k8s.io');
});

test('a claim made before there was a default class is given the default once there is one', async () => {
  await using world = await aWorld();
  const { spec, metadata } = aClaim('c1');
  const { storageClassName: _, ...classless } = spec ?? {};
  await world.create(claims, { metadata, spec: classless });
  await world.create(claims, aClaim('none', { storageClassName: '' }));
  await world.clock.advance(1000);
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  await world.create(storageclasses, { ...aClass('usual'), metadata: { name: 'usual', annotations } });
  await world.until(() => world.one(claims, 'c1')?.spec?.storageClassName === 'usual');
  await world.clock.advance(1000);
  expect(world.one(claims, 'none')?.spec?.storageClassName).toBe('');
});

test('a claim in use is kept until its last scheduled pod is gone', async () => {
  await using world = await aWorld();
  await world.create(volumes, aVolume('v', '1Gi'));
  await world.create(claims, aManualClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  const claimed = [{ name: 'd', persistentVolumeClaim: { claimName: 'c1' } }];
  for (const name of ['p1', 'p2']) {
    const spec = { containers: [{ name: 'c' }], nodeName: 'node-0', volumes: claimed };
    await world.create(pods, { metadata: { name, namespace: 'NS' }, spec });
  }
  await world.client.delete(claims, { namespace: 'NS', name: 'c1' });
  const remove = (name: string) => world.client.delete(pods, { namespace: 'NS', name }, { gracePeriodSeconds: 0 });
  await remove('p1');
  await world.clock.advance(5000);
  expect(world.claimPhase('c1')).toBe('Bound');
  await remove('p2');
  await world.until(() => world.api.all(claims).length === 0);
});

test('an attributes class is kept until no volume and no claim has it, had it or is to get it', async () => {
  await using world = await aWorld();
  const { client } = world;
  const protection = ['kubernetes.io/vac-protection'];
  const old = { metadata: { name: 'gold', finalizers: [] }, driverName: 'd', parameters: { iops: '9' } };
  await world.create(volumeattributesclasses, old);
  await world.until(() => world.one(volumeattributesclasses, 'gold')?.metadata.finalizers?.length === 1);
  expect(world.one(volumeattributesclasses, 'gold')?.metadata.finalizers).toEqual(protection);
  await world.create(volumes, aVolume('v', '1Gi', { volumeAttributesClassName: 'gold' }));
  const claim = await world.create(claims, aClaim('c1', { volumeAttributesClassName: 'gold' }));
  await client.delete(volumeattributesclasses, { name: 'gold' });
  const kept = async () => {
    await world.clock.advance(5000);
    expect(world.one(volumeattributesclasses, 'gold')?.metadata.deletionTimestamp).toBeDefined();
  };
  await kept();
  await client.delete(volumes, { name: 'v' });
  await world.until(() => world.api.all(volumes).length === 0);
  await kept();
  const at = { namespace: 'NS', name: 'c1' };
  const status = (more: object) =>
    client.patch(claims, at, { type: 'merge', patch: { status: more } }, { subresource: 'status' });
  await status({ currentVolumeAttributesClassName: 'gold' });
  await client.patch(claims, at, { type: 'merge', patch: { spec: { volumeAttributesClassName: 'silver' } } });
  await kept();
  const target = { status: 'InProgress', targetVolumeAttributesClassName: 'gold' };
  await status({ currentVolumeAttributesClassName: 'silver', modifyVolumeStatus: target });
  await kept();
  await status({ modifyVolumeStatus: null });
  await world.until(() => world.api.all(volumeattributesclasses).length === 0);
  expect(world.one(claims, 'c1')?.metadata.uid).toBe(claim.metadata.uid);
});

test('an attributes class that nobody has goes at once', async () => {
  await using world = await aWorld();
  await world.create(volumeattributesclasses, { metadata: { name: 'gold' }, driverName: 'd', parameters: {} });
  await world.client.delete(volumeattributesclasses, { name: 'gold' });
  await world.until(() => world.api.all(volumeattributesclasses).length === 0);
});

test('a pod’s ephemeral volume gets a claim of its own, and one of another owner is not used', async () => {
  await using world = await aWorld();
  const volumeClaimTemplate = { metadata: { labels: { a: 'b' } }, spec: aManualClaim('x').spec ?? {} };
  const spec = { containers: [{ name: 'c' }], volumes: [{ name: 'd', ephemeral: { volumeClaimTemplate } }] };
  const pod = await world.create(pods, { metadata: { name: 'p1', namespace: 'NS' }, spec });
  await world.until(() => world.one(claims, 'p1-d') !== undefined);
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p1', controller: true, blockOwnerDeletion: true };
  expect(world.one(claims, 'p1-d')?.metadata).toMatchObject({
    labels: { a: 'b' },
    ownerReferences: [{ ...owner, uid: pod.metadata.uid }],
  });
  await world.create(claims, aManualClaim('p2-d'));
  await world.create(pods, { metadata: { name: 'p2', namespace: 'NS' }, spec });
  await world.until(() => world.events.recorded.some(({ about }) => about === 'Pod/p2'));
  expect(world.events.lines).toContain(
    'FailedBinding: ephemeral volume d: PVC NS/p2-d was not created for pod NS/p2 (pod is not owner)',
  );
});

test('a bound claim that asks for more is told who is waited for, once', async () => {
  await using world = await aWorld();
  await world.create(volumes, aVolume('v', '1Mi'));
  await world.create(claims, aManualClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  const patch = { spec: { resources: { requests: { storage: '2Mi' } } } };
  await world.client.patch(claims, { namespace: 'NS', name: 'c1' }, { type: 'merge', patch });
  await world.until(() => world.events.recorded.some(({ reason }) => reason === 'ExternalExpanding'));
  await world.clock.advance(1000);
  expect(world.events.recorded.filter(({ reason }) => reason === 'ExternalExpanding')).toHaveLength(1);
});
