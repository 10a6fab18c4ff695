import { resources } from '@berth/kube';
import type { csi } from '@berth/protos';
import { expect, test } from 'vitest';
import { aClaim, aClass } from '../../../test/harness/storage-builders.ts';
import { StorageWorld } from '../../../test/harness/storage-world.ts';
import { cloningProtection } from '../object-names.ts';

const { persistentvolumeclaims: claims } = resources;
const cloneOf = (name: string, more: object = {}) => ({ dataSource: { kind: 'PersistentVolumeClaim', name }, ...more });

/** A world with the bound claim `source`. */
async function aWorld(
  capabilities: csi.ControllerServiceCapabilityRPCType[] = ['CREATE_DELETE_VOLUME', 'CLONE_VOLUME'],
) {
  const world = await StorageWorld.start({ csi: { capabilities } });
  await world.create(resources.storageclasses, aClass('csi-hostpath-sc'));
  await world.create(claims, aClaim('source'));
  await world.until(() => world.claimPhase('source') === 'Bound');
  return world;
}

const finalizersOf = (world: StorageWorld) => world.one(claims, 'source')?.metadata.finalizers ?? [];

test('a clone is made of the volume its source is bound to, in the size the clone asks for', async () => {
  await using world = await aWorld();
  await world.create(claims, aClaim('clone', cloneOf('source', { resources: { requests: { storage: '2Mi' } } })));
  await world.until(() => world.claimPhase('clone') === 'Bound');
  const source = world.one(claims, 'source');
  const volume = world.one(resources.persistentvolumes, source?.spec?.volumeName ?? '');
  const [, request] = world.csi.calls.filter(({ method }) => method === 'CreateVolume').map((call) => call.request);
  expect(request).toMatchObject({
    volumeContentSource: { volume: { volumeId: volume?.spec?.csi?.volumeHandle } },
    capacityRange: { requiredBytes: String(2 * 1024 * 1024) },
  });
});

test('the source stays while its clone is made, and goes when nobody waits for one', async () => {
  await using world = await aWorld();
  world.csi.misbehave('CreateVolume', { code: 'UNAVAILABLE' }, { code: 'UNAVAILABLE' });
  await world.create(claims, aClaim('clone', cloneOf('source')));
  await world.until(() => finalizersOf(world).includes(cloningProtection));
  await world.client.delete(claims, { namespace: 'NS', name: 'source' });
  await world.clock.advance(100);
  expect(finalizersOf(world)).toContain(cloningProtection);
  await world.until(() => world.claimPhase('clone') === 'Bound');
  await world.until(() => world.one(claims, 'source') === undefined);
});

test.each([
  [
    'that does not exist',
    'none',
    {},
    'error getting PVC none (namespace "NS") from api server: persistentvolumeclaim "none" not found',
  ],
  [
    'that is larger',
    'source',
    { resources: { requests: { storage: '1Ki' } } },
    'error, new PVC request must be greater than or equal in size to the specified PVC data source, requested 1024 but source is 1048576',
  ],
  [
    'of another mode',
    'source',
    { volumeMode: 'Block' },
    'the source PVC and destination PVCs must have the same volume mode for cloning.  Source is Filesystem, but new PVC requested Block',
  ],
])('a clone of a claim %s is refused without asking the driver', async (_what, name, more, message) => {
  await using world = await aWorld();
  await world.create(claims, aClaim('clone', cloneOf(name, more)));
  await world.until(() => world.events.lines.some((line) => line.includes(message)));
  expect(world.csi.count('CreateVolume')).toBe(1);
  expect(finalizersOf(world)).not.toContain(cloningProtection);
});

test('a clone of a claim that is not bound yet waits for it', async () => {
  await using world = await aWorld();
  await world.create(claims, aClaim('late', { storageClassName: 'later' }));
  await world.create(claims, aClaim('clone', cloneOf('late')));
  await world.until(() => world.events.lines.some((line) => line.includes('must have a status of Bound')));
  await world.create(resources.storageclasses, aClass('later'));
  await world.until(() => world.claimPhase('clone') === 'Bound');
});

test.each([
  ['a claim', { kind: 'PersistentVolumeClaim', name: 'source' }],
  ['a snapshot', { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'source' }],
  ['what a populator knows', { apiGroup: 'example.com', kind: 'Archive', name: 'source' }],
])('%s of another namespace fills no volume, nor does its namesake in the claim’s own', async (_, source) => {
  await using world = await aWorld();
  await world.create(claims, aClaim('clone', { dataSourceRef: { ...source, namespace: 'other' } }));
  const why = 'dataSourceRef namespace specified but the CrossNamespaceVolumeDataSource feature is disabled';
  await world.until(() => world.events.lines.some((line) => line.includes(why)));
  await world.clock.advance(60_000);
  expect(world.csi.count('CreateVolume')).toBe(1);
  expect(finalizersOf(world)).not.toContain(cloningProtection);
});

test('a driver that does not clone is not asked to', async () => {
  await using world = await aWorld(['CREATE_DELETE_VOLUME']);
  await world.create(claims, aClaim('clone', cloneOf('source')));
  await world.until(() =>
    world.events.lines.some((line) => line.includes('CSI driver does not support clone operations')),
  );
  expect(world.csi.count('CreateVolume')).toBe(1);
});
