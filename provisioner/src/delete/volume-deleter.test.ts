import { type PersistentVolume, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aClaim, aClass } from '../../../test/harness/storage-builders.ts';
import { StorageWorld, type WorldOptions } from '../../../test/harness/storage-world.ts';

const { persistentvolumeclaims: claims, persistentvolumes: volumes } = resources;

async function aBoundClaim(options: WorldOptions = {}, reclaimPolicy = 'Delete') {
  const world = await StorageWorld.start(options);
  await world.create(resources.storageclasses, aClass('csi-hostpath-sc', { reclaimPolicy }));
  await world.create(claims, aClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  const [volume] = world.api.all(volumes) as [PersistentVolume];
  return { world, volume, name: volume.metadata.name ?? '', handle: volume.spec?.csi?.volumeHandle ?? '' };
}

function deleteClaim(world: StorageWorld) {
  return world.client.delete(claims, { namespace: 'NS', name: 'c1' });
}

test('a volume that is still staged is not deleted, and goes within moments of being unstaged', async () => {
  const { world, handle } = await aBoundClaim();
  await using _ = world;
  world.csi.staged.add(handle);
  await deleteClaim(world);
  await world.clock.advance(5000);
  expect(world.csi.volumes.size).toBe(1);
  expect(world.events.lines.some((line) => line.startsWith('VolumeFailedDelete'))).toBe(false);
  world.csi.staged.delete(handle);
  await world.until(() => world.api.all(volumes).length === 0, { limitMs: 1100 });
  expect(world.csi.volumes.size).toBe(0);
});

test('a driver that refuses for half a minute is reported', async () => {
  const { world, handle } = await aBoundClaim();
  await using _ = world;
  world.csi.staged.add(handle);
  await deleteClaim(world);
  await world.clock.advance(40_000);
  expect(world.events.lines.at(-1)).toBe(
    `VolumeFailedDelete: rpc error: code = FailedPrecondition desc = volume ${handle} is staged`,
  );
});

test('a volume waits for its attachment to go', async () => {
  const { world, name } = await aBoundClaim();
  await using _ = world;
  await world.create(resources.volumeattachments, {
    metadata: { name: 'csi-1' },
    spec: { attacher: world.csi.name, nodeName: 'node-0', source: { persistentVolumeName: name } },
  });
  await deleteClaim(world);
  await world.clock.advance(60_000);
  expect(world.csi.count('DeleteVolume')).toBe(0);
  expect(world.events.lines.at(-1)).toBe(
    `VolumeFailedDelete: persistentvolume ${name} is still attached to node node-0`,
  );
  await world.client.delete(resources.volumeattachments, { name: 'csi-1' });
  await world.until(() => world.api.all(volumes).length === 0, { limitMs: 50 });
});

test('a volume waits while a node reports it in use', async () => {
  const { world, handle } = await aBoundClaim();
  await using _ = world;
  await world.create(resources.nodes, { metadata: { name: 'node-0' } });
  const node = await world.client.get(resources.nodes, { name: 'node-0' });
  const volumesInUse = [`kubernetes.io/csi/${world.csi.name}^${handle}`];
  const using = await world.client.updateStatus(resources.nodes, { ...node, status: { volumesInUse } });
  await deleteClaim(world);
  await world.clock.advance(60_000);
  expect(world.csi.count('DeleteVolume')).toBe(0);
  await world.client.updateStatus(resources.nodes, { ...using, status: { volumesInUse: [] } });
  await world.until(() => world.api.all(volumes).length === 0, { limitMs: 50 });
});

test('a volume whose class says Retain stays when its claim goes, without the finalizer', async () => {
  const { world, name } = await aBoundClaim({}, 'Retain');
  await using _ = world;
  await deleteClaim(world);
  await world.until(() => world.one(volumes, name)?.status?.phase === 'Released');
  await world.clock.advance(60_000);
  expect(world.csi.count('DeleteVolume')).toBe(0);
  expect(world.one(volumes, name)?.metadata.finalizers).toEqual(['kubernetes.io/pv-protection']);
});

test('a policy changed to Retain is kept to, one changed back to Delete too', async () => {
  const { world, name } = await aBoundClaim();
  await using _ = world;
  const change = (persistentVolumeReclaimPolicy: string) =>
    world.client.patch(volumes, { name }, { type: 'merge', patch: { spec: { persistentVolumeReclaimPolicy } } });
  await change('Retain');
  await deleteClaim(world);
  await world.until(() => world.one(volumes, name)?.status?.phase === 'Released');
  await world.clock.advance(10_000);
  expect(world.csi.count('DeleteVolume')).toBe(0);
  await change('Delete');
  await world.until(() => world.api.all(volumes).length === 0);
  expect(world.csi.volumes.size).toBe(0);
});

test('a volume deleted before its claim is deleted at the driver when the claim goes', async () => {
  const { world, name } = await aBoundClaim();
  await using _ = world;
  await world.client.delete(volumes, { name });
  await world.clock.advance(10_000);
  expect(world.csi.count('DeleteVolume')).toBe(0);
  await deleteClaim(world);
  await world.until(() => world.api.all(volumes).length === 0);
  expect(world.csi.volumes.size).toBe(0);
});

test('a failing DeleteVolume is reported and tried again until it succeeds', async () => {
  const { world } = await aBoundClaim();
  await using _ = world;
  world.csi.misbehave('DeleteVolume', { code: 'INTERNAL', message: 'no' }, { code: 'UNAVAILABLE' });
  await deleteClaim(world);
  await world.until(() => world.api.all(volumes).length === 0, { stepMs: 100, limitMs: 10_000 });
  expect(world.events.lines).toContain('VolumeFailedDelete: rpc error: code = Internal desc = no');
  expect(world.csi.volumes.size).toBe(0);
});
