import { type PersistentVolumeClaim, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { historyOf } from '../../../test/harness/history.ts';
import { aClaim, aClass } from '../../../test/harness/storage-builders.ts';
import { StorageWorld } from '../../../test/harness/storage-world.ts';

const { persistentvolumeclaims: claims, persistentvolumes: volumes } = resources;

/** A claim of 1Mi, bound. */
async function aWorld() {
  const capabilities = ['CREATE_DELETE_VOLUME', 'EXPAND_VOLUME'] as const;
  const world = await StorageWorld.start({ resizer: {}, csi: { capabilities } });
  await world.create(resources.storageclasses, aClass('csi-hostpath-sc', { allowVolumeExpansion: true }));
  await world.create(claims, aClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  const start = world.api.writes.length;
  const claim = () => world.one(claims, 'c1') as PersistentVolumeClaim;
  const ask = (storage: string) =>
    world.client.patch(
      claims,
      { namespace: 'NS', name: 'c1' },
      { type: 'merge', patch: { spec: { resources: { requests: { storage } } } } },
    );
  const told = () =>
    world.events.recorded.filter(({ component }) => component === `external-resizer ${world.csi.name}`);
  return { world, claim, ask, told, steps: () => historyOf(world.api.writes.slice(start + 1)) };
}

test('an expansion that the node must finish is handed to it in the recorded writes and events', async () => {
  const { world, ask, told, steps, claim } = await aWorld();
  await using _ = world;
  await ask('2Mi');
  await world.until(() => claim().status?.allocatedResourceStatuses?.['storage'] === 'NodeResizePending');
  expect(steps().map(({ object, set }) => [object, Object.keys(set).sort()])).toEqual([
    [
      'pvc/c1',
      [
        'status.allocatedResourceStatuses.storage',
        'status.allocatedResources.storage',
        'status.conditions[Resizing].lastTransitionTime',
        'status.conditions[Resizing].status',
        'status.conditions[Resizing].type',
      ],
    ],
    ['pv/pvc-<uid>', ['spec.capacity.storage']],
    [
      'pvc/c1',
      [
        'status.allocatedResourceStatuses.storage',
        'status.conditions[FileSystemResizePending].lastTransitionTime',
        'status.conditions[FileSystemResizePending].message',
        'status.conditions[FileSystemResizePending].status',
        'status.conditions[FileSystemResizePending].type',
      ],
    ],
  ]);
  expect(told().map(({ reason }) => reason)).toEqual(['Resizing', 'FileSystemResizeRequired']);
  await world.clock.advance(600_000);
  expect(world.csi.count('ControllerExpandVolume')).toBe(1);
});

test('an expansion without a part for the node is finished, and marked so that no kubelet looks at it', async () => {
  const { world, ask, told, claim } = await aWorld();
  await using _ = world;
  world.csi.nodeExpansionRequired = false;
  await ask('3Mi');
  await world.until(() => claim().status?.capacity?.['storage'] === '3Mi');
  expect(claim().status?.conditions ?? []).toEqual([]);
  expect(claim().status?.allocatedResourceStatuses ?? {}).toEqual({});
  expect(claim().metadata.annotations).toMatchObject({ 'volume.kubernetes.io/node-expansion-not-required': 'true' });
  expect(world.api.all(volumes)[0]?.spec?.capacity).toEqual({ storage: '3Mi' });
  expect(
    told()
      .map(({ reason, message }) => `${reason}: ${message}`)
      .at(-1),
  ).toBe('VolumeResizeSuccessful: Resize volume succeeded');
  // The mark goes when it no longer holds.
  world.csi.nodeExpansionRequired = true;
  await ask('4Mi');
  await world.until(() => claim().status?.allocatedResourceStatuses?.['storage'] === 'NodeResizePending');
  expect(claim().metadata.annotations).not.toHaveProperty(['volume.kubernetes.io/node-expansion-not-required']);
});

test('an infeasible expansion rests, and ends at once when its owner asks for less', async () => {
  const { world, ask, told, claim } = await aWorld();
  await using _ = world;
  world.csi.misbehave('ControllerExpandVolume', { code: 'OUT_OF_RANGE', message: 'too big' });
  await ask('1Ti');
  await world.until(() => claim().status?.allocatedResourceStatuses?.['storage'] === 'ControllerResizeInfeasible');
  expect(claim().status?.conditions).toContainEqual(
    expect.objectContaining({
      type: 'ControllerResizeError',
      status: 'True',
      message: 'failed to expand pvc with rpc error: code = OutOfRange desc = too big',
    }),
  );
  const volume = world.api.all(volumes)[0]?.metadata.name;
  expect(told().at(-1)).toMatchObject({
    type: 'Warning',
    reason: 'VolumeResizeFailed',
    message: `resize volume "${volume}" by resizer "hostpath.csi.k8s.io" failed: rpc error: code = OutOfRange desc = too big`,
  });
  await world.clock.advance(200_000);
  expect(world.csi.count('ControllerExpandVolume')).toBe(1);
  await ask('2Mi');
  await world.until(() => claim().status?.allocatedResourceStatuses?.['storage'] === 'NodeResizePending');
  expect(claim().status?.allocatedResources).toEqual({ storage: '2Mi' });
  expect(claim().status?.conditions?.map(({ type }) => type)).toEqual(['Resizing', 'FileSystemResizePending']);
});

test('an expansion of uncertain outcome is finished at its size before a smaller one counts', async () => {
  const { world, ask, claim } = await aWorld();
  await using _ = world;
  world.csi.misbehave('ControllerExpandVolume', { code: 'UNAVAILABLE' }, { code: 'DEADLINE_EXCEEDED' });
  await ask('8Mi');
  await world.until(() => world.csi.count('ControllerExpandVolume') === 1);
  await ask('4Mi');
  await world.until(() => claim().status?.allocatedResourceStatuses?.['storage'] === 'NodeResizePending');
  const asked = world.csi.calls.filter(({ method }) => method === 'ControllerExpandVolume');
  expect(asked.map(({ request }) => (request as { capacityRange: object }).capacityRange)).toEqual(
    Array(3).fill({ requiredBytes: String(8 * 2 ** 20) }),
  );
  expect(claim().status?.conditions?.map(({ type }) => type)).not.toContain('ControllerResizeError');
});

test('a driver that refuses volumes in use is not asked again while a pod has the claim', async () => {
  const { world, ask, told, claim } = await aWorld();
  await using _ = world;
  const spec = {
    containers: [{ name: 'c', image: 'i' }],
    volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'c1' } }],
  };
  await world.create(resources.pods, { metadata: { namespace: 'NS', name: 'p1' }, spec });
  world.csi.misbehave('ControllerExpandVolume', { code: 'FAILED_PRECONDITION', message: 'in use' });
  await ask('2Mi');
  await world.clock.advance(60_000);
  expect(world.csi.count('ControllerExpandVolume')).toBe(1);
  expect(told().at(-1)?.message).toBe(
    'Unable to expand NS/c1 because CSI driver hostpath.csi.k8s.io only supports offline expansion and volume is currently in-use',
  );
  await world.client.delete(resources.pods, { namespace: 'NS', name: 'p1' }, { gracePeriodSeconds: 0 });
  await world.until(() => claim().status?.allocatedResourceStatuses?.['storage'] === 'NodeResizePending');
});

test.each([
  ['node-0', 1],
  ['node-1', 0],
])('beside the driver of %s it expands %i of the volumes of node-0', async (nodeName, calls) => {
  const topology = { 'topology.hostpath.csi/node': 'node-0' };
  const capabilities = ['CREATE_DELETE_VOLUME', 'EXPAND_VOLUME'] as const;
  await using world = await StorageWorld.start({ resizer: { nodeName }, csi: { capabilities, topology } });
  for (const name of ['node-0', 'node-1']) {
    await world.create(resources.nodes, { metadata: { name, labels: { 'topology.hostpath.csi/node': name } } });
    const drivers = [{ name: world.csi.name, nodeID: name, topologyKeys: Object.keys(topology) }];
    await world.create(resources.csinodes, { metadata: { name }, spec: { drivers } });
  }
  await world.create(resources.storageclasses, aClass('csi-hostpath-sc', { allowVolumeExpansion: true }));
  await world.create(claims, aClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  const patch = { spec: { resources: { requests: { storage: '2Mi' } } } };
  await world.client.patch(claims, { namespace: 'NS', name: 'c1' }, { type: 'merge', patch });
  await world.clock.advance(5000);
  expect(world.csi.count('ControllerExpandVolume')).toBe(calls);
});
