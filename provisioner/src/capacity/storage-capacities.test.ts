import { type CSIStorageCapacity, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aClaim, aClass } from '../../../test/harness/storage-builders.ts';
import { StorageWorld } from '../../../test/harness/storage-world.ts';
// The provisioner loads it when it is first needed: from a disk, which knows nothing of virtual time.
import './run-storage-capacities.ts';

const driver = 'hostpath.csi.k8s.io';
const later = { volumeBindingMode: 'WaitForFirstConsumer' as const };
const GiB = 1024 ** 3;
const capacity = { namespace: 'kube-system', pollIntervalMs: 60_000, forImmediateBinding: false };

async function worldWithNodes(settings: object = {}) {
  const csi = { capabilities: ['CREATE_DELETE_VOLUME', 'GET_CAPACITY'] as const, topology: { zone: 'a' } };
  const world = await StorageWorld.start({ csi, provisioner: false });
  const drivers = [{ name: driver, nodeID: 'n', topologyKeys: ['zone'] }];
  for (const zone of ['a', 'b']) {
    await world.create(resources.nodes, { metadata: { name: `node-${zone}`, labels: { zone } } });
    await world.create(resources.csinodes, { metadata: { name: `node-${zone}` }, spec: { drivers } });
  }
  const room: Record<string, number> = { a: 4, b: 8 };
  world.csi.capacityOf = ({ accessibleTopology, parameters }) => {
    const gib = (room[accessibleTopology?.segments['zone'] ?? ''] ?? 0) / Number(parameters['copies'] ?? 1);
    return { availableCapacity: String(gib * GiB), maximumVolumeSize: { value: String((gib * GiB) / 2) } };
  };
  await world.create(resources.storageclasses, aClass('plain', later));
  await world.create(resources.storageclasses, aClass('twice', { ...later, parameters: { copies: '2' } }));
  await world.create(resources.storageclasses, aClass('now', { volumeBindingMode: 'Immediate' }));
  await world.create(resources.storageclasses, { ...aClass('other', later), provisioner: 'other.example.com' });
  await world.startProvisioner({ capacity, ...settings });
  return { world, room };
}

const objects = (world: StorageWorld) => world.api.all(resources.csistoragecapacities);
const shown = (world: StorageWorld) =>
  objects(world)
    .map(
      ({ storageClassName, nodeTopology, capacity: size }) =>
        `${storageClassName} ${nodeTopology?.matchLabels?.['zone']} ${size}`,
    )
    .sort();

const all = ['plain a 4Gi', 'plain b 8Gi', 'twice a 2Gi', 'twice b 4Gi'];

test('each class that waits for a node has a CSIStorageCapacity for each segment, as external-provisioner makes them', async () => {
  const { world } = await worldWithNodes();
  await using _world = world;
  await world.until(() => objects(world).length === 4);
  expect(shown(world)).toEqual(all);
  expect(objects(world)[0]).toMatchObject({
    metadata: {
      generateName: 'csisc-',
      namespace: 'kube-system',
      labels: { 'csi.storage.k8s.io/drivername': driver, 'csi.storage.k8s.io/managed-by': 'external-provisioner' },
    },
    maximumVolumeSize: '2Gi',
  });
});

test('beside a node it tells of its own segment, and lets those of other managers alone', async () => {
  const { world } = await worldWithNodes({ nodeName: 'node-b' });
  await using _world = world;
  const labels = {
    'csi.storage.k8s.io/drivername': driver,
    'csi.storage.k8s.io/managed-by': 'external-provisioner-node-a',
  };
  const foreign: CSIStorageCapacity = {
    metadata: { name: 'csisc-foreign', namespace: 'kube-system', labels },
    storageClassName: 'plain',
    nodeTopology: { matchLabels: { zone: 'a' } },
    capacity: '1Gi',
  };
  await world.create(resources.csistoragecapacities, foreign);
  await world.until(() => objects(world).length === 3);
  expect(shown(world)).toEqual(['plain a 1Gi', 'plain b 8Gi', 'twice b 4Gi']);
});

test('it is told anew when volumes come and go, when a node was given up for a claim, and after a while', async () => {
  const { world, room } = await worldWithNodes();
  await using _world = world;
  await world.until(() => shown(world).join() === all.join());
  room['a'] = 3;
  const annotations = { 'volume.kubernetes.io/selected-node': 'node-a' };
  const claim = aClaim('data', { storageClassName: 'plain' });
  await world.create(resources.persistentvolumeclaims, { ...claim, metadata: { ...claim.metadata, annotations } });
  await world.until(() => shown(world).includes('plain a 3Gi'), { limitMs: 30_000 });
  // Its class alone was asked about.
  expect(shown(world)).toContain('twice a 2Gi');
  room['a'] = 1;
  world.csi.misbehave('CreateVolume', { code: 'RESOURCE_EXHAUSTED', message: 'full' });
  const second = aClaim('more', { storageClassName: 'twice' });
  await world.create(resources.persistentvolumeclaims, { ...second, metadata: { ...second.metadata, annotations } });
  await world.until(() => shown(world).includes('twice a 512Mi'), { limitMs: 30_000 });
  room['b'] = 16;
  await world.until(() => shown(world).includes('plain b 16Gi'), { stepMs: 1000, limitMs: 120_000 });
});

test('objects go with their class and with their node, come back when somebody removes them, and are there once', async () => {
  const { world } = await worldWithNodes();
  await using _world = world;
  await world.until(() => shown(world).join() === all.join());
  const [first] = objects(world);
  const ref = { namespace: 'kube-system', name: first?.metadata.name ?? '' };
  await world.client.delete(resources.csistoragecapacities, ref);
  await world.until(() => shown(world).join() === all.join() && !world.one(resources.csistoragecapacities, ref.name));
  const twin = objects(world)[0] as CSIStorageCapacity;
  const { labels = {} } = twin.metadata;
  await world.create(resources.csistoragecapacities, {
    ...twin,
    metadata: { name: 'csisc-twin', namespace: 'kube-system', labels },
  });
  await world.until(() => shown(world).join() === all.join());
  await world.client.delete(resources.storageclasses, { name: 'twice' });
  await world.until(() => shown(world).join() === 'plain a 4Gi,plain b 8Gi');
  await world.client.delete(resources.csinodes, { name: 'node-b' });
  await world.until(() => shown(world).join() === 'plain a 4Gi');
});

test('a driver that does not say is asked again, and the old answer stands meanwhile', async () => {
  const { world, room } = await worldWithNodes();
  await using _world = world;
  await world.until(() => shown(world).join() === all.join());
  room['a'] = 2;
  world.csi.misbehave('GetCapacity', ...Array.from({ length: 8 }, () => ({ code: 'UNAVAILABLE' as const })));
  await world.until(() => shown(world).includes('plain a 2Gi'), { stepMs: 1000, limitMs: 300_000 });
  expect(shown(world)).toHaveLength(4);
});
