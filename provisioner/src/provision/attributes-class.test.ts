import { resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aClaim, aClass } from '../../../test/harness/storage-builders.ts';
import { StorageWorld } from '../../../test/harness/storage-world.ts';

const { persistentvolumeclaims: claims, persistentvolumes: volumes } = resources;

async function aWorld(driverName = 'hostpath.csi.k8s.io') {
  const world = await StorageWorld.start({ csi: { capabilities: ['CREATE_DELETE_VOLUME', 'MODIFY_VOLUME'] } });
  await world.create(resources.storageclasses, aClass('csi-hostpath-sc'));
  const parameters = { onDelete: 'trash' };
  await world.create(resources.volumeattributesclasses, { metadata: { name: 'gold' }, driverName, parameters });
  return world;
}

test('a claim with a VolumeAttributesClass gets a volume made with its parameters, and shows the class', async () => {
  await using world = await aWorld();
  await world.create(claims, aClaim('c', { volumeAttributesClassName: 'gold' }));
  await world.until(() => world.claimPhase('c') === 'Bound');
  const [request] = world.csi.calls.filter(({ method }) => method === 'CreateVolume').map((call) => call.request);
  expect(request).toMatchObject({ mutableParameters: { onDelete: 'trash' } });
  const claim = world.one(claims, 'c');
  expect(world.one(volumes, claim?.spec?.volumeName ?? '')?.spec?.volumeAttributesClassName).toBe('gold');
  expect(claim?.status?.currentVolumeAttributesClassName).toBe('gold');
});

test.each([
  ['does not exist', 'none', 'hostpath.csi.k8s.io', 'volumeattributesclasses.storage.k8s.io "none" not found'],
  [
    'is of another driver',
    'gold',
    'other',
    'VAC gold referenced in PVC is for driver other which does not match driver name hostpath.csi.k8s.io',
  ],
])(
  'a VolumeAttributesClass that %s ends in an event, and the driver is not asked',
  async (_what, name, of, message) => {
    await using world = await aWorld(of);
    await world.create(claims, aClaim('c', { volumeAttributesClassName: name }));
    await world.until(() => world.events.lines.some((line) => line.includes(message)));
    expect(world.csi.count('CreateVolume')).toBe(0);
  },
);
