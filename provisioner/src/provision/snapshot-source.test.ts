import { apiError, resources } from '@berth/kube';
import type { csi } from '@berth/protos';
import { expect, test } from 'vitest';
import { aClaim, aClass } from '../../../test/harness/storage-builders.ts';
import { StorageWorld } from '../../../test/harness/storage-world.ts';
import { snapshotProtection } from '../object-names.ts';
import type { ProvisionerSettings } from '../provisioner-settings.ts';
import {
  type VolumeSnapshot,
  type VolumeSnapshotContent,
  volumeSnapshotContents,
  volumeSnapshots,
} from './snapshot-source.ts';

const { persistentvolumeclaims: claims } = resources;
const group = 'snapshot.storage.k8s.io';
const restoreOf = (name: string, more: object = {}) => ({
  dataSource: { apiGroup: group, kind: 'VolumeSnapshot', name },
  ...more,
});

interface Parts {
  readonly status?: VolumeSnapshot['status'];
  readonly content?: Partial<VolumeSnapshotContent['spec']>;
  readonly handle?: string | undefined;
  readonly metadata?: object;
  readonly finalizers?: string[];
}

/** A world with the snapshot `taken` of 1Mi. */
async function aWorld(
  parts: Parts = {},
  capabilities: csi.ControllerServiceCapabilityRPCType[] = ['CREATE_DELETE_VOLUME', 'CREATE_DELETE_SNAPSHOT'],
  settings: Partial<ProvisionerSettings> = {},
) {
  const world = await StorageWorld.start({ csi: { capabilities }, settings });
  await world.create(resources.storageclasses, aClass('csi-hostpath-sc'));
  const { status, content, handle = 'handle-1', metadata, finalizers } = parts;
  const snapshot = await world.create(volumeSnapshots, {
    metadata: { namespace: 'NS', name: 'taken', ...(finalizers ? { finalizers } : {}) },
    status: { boundVolumeSnapshotContentName: 'content', readyToUse: true, restoreSize: '1Mi', ...status },
  });
  const ref = { namespace: 'NS', name: 'taken', uid: snapshot.metadata.uid ?? '' };
  await world.create(volumeSnapshotContents, {
    metadata: { name: 'content', ...metadata },
    spec: { driver: 'hostpath.csi.k8s.io', volumeSnapshotRef: ref, ...content },
    ...(handle === '' ? {} : { status: { snapshotHandle: handle } }),
  });
  return world;
}

const finalizersOf = (world: StorageWorld) => world.one(volumeSnapshots, 'taken')?.metadata.finalizers ?? [];

test('a claim is restored from the snapshot that its source names', async () => {
  await using world = await aWorld();
  await world.create(claims, aClaim('restored', restoreOf('taken', { resources: { requests: { storage: '2Mi' } } })));
  await world.until(() => world.claimPhase('restored') === 'Bound');
  const [request] = world.csi.calls.filter(({ method }) => method === 'CreateVolume').map((call) => call.request);
  expect(request).toMatchObject({ volumeContentSource: { snapshot: { snapshotId: 'handle-1' } } });
});

test('a snapshot stays while a volume is made of it, and is let go then', async () => {
  await using world = await aWorld();
  world.csi.misbehave('CreateVolume', { code: 'UNAVAILABLE' }, { code: 'UNAVAILABLE' });
  await world.create(claims, aClaim('restored', restoreOf('taken')));
  await world.until(() => finalizersOf(world).includes(snapshotProtection));
  await world.client.delete(volumeSnapshots, { namespace: 'NS', name: 'taken' });
  await world.clock.advance(100);
  expect(finalizersOf(world)).toContain(snapshotProtection);
  await world.until(() => world.claimPhase('restored') === 'Bound');
  await world.until(() => world.one(volumeSnapshots, 'taken') === undefined);
});

test('a snapshot is let go where the claim that waited for it is deleted', async () => {
  await using world = await aWorld();
  const { api } = world;
  world.csi.misbehave('CreateVolume', ...Array.from({ length: 3 }, () => ({ code: 'RESOURCE_EXHAUSTED' as const })));
  await world.create(claims, aClaim('restored', restoreOf('taken')));
  await world.until(() => finalizersOf(world).includes(snapshotProtection));
  await world.client.delete(claims, { namespace: 'NS', name: 'restored' });
  await world.until(() => finalizersOf(world).length === 0);
  expect(api.all(claims)).toEqual([]);
});

test('what a crash left protected is let go at the next start', async () => {
  await using world = await aWorld({ finalizers: [snapshotProtection, 'of/another'] });
  await world.startProvisioner();
  await world.until(() => !finalizersOf(world).includes(snapshotProtection));
  expect(finalizersOf(world)).toEqual(['of/another']);
});

test('without the right to change snapshots a volume is made of one all the same', async () => {
  await using world = await aWorld();
  world.api.intercept = ({ method, path }) => {
    if (method === 'PUT' && path.includes('volumesnapshots'))
      throw apiError('Forbidden', 'volumesnapshots is forbidden');
  };
  await world.create(claims, aClaim('restored', restoreOf('taken')));
  await world.until(() => world.claimPhase('restored') === 'Bound');
});

const refusals: [string, Parts, object, string][] = [
  ['is not bound', { status: { boundVolumeSnapshotContentName: undefined as never } }, {}, 'snapshot taken not bound'],
  ['is not ready', { status: { readyToUse: false } }, {}, 'snapshot taken is not Ready'],
  ['has no handle', { handle: '' }, {}, 'snapshot handle taken is not available'],
  [
    'is of another driver',
    { content: { driver: 'other' } },
    {},
    'snapshotcontent content for snapshot taken is not handled by CSI driver of StorageClass csi-hostpath-sc',
  ],
  [
    'has the content of another one',
    { content: { volumeSnapshotRef: { namespace: 'NS', name: 'taken', uid: 'before' } } },
    {},
    'snapshotcontent content for snapshot taken is bound to a different snapshot',
  ],
  [
    'is larger than what is asked',
    { status: { restoreSize: '2Mi' } },
    {},
    'requested volume size 1048576 is less than the size 2097152 for the source snapshot taken',
  ],
  [
    'is of another mode',
    { content: { sourceVolumeMode: 'Block' } },
    { volumeMode: 'Filesystem' },
    'requested volume NS/restored modifies the mode of the source volume but does not have permission to do so. snapshot.storage.kubernetes.io/allow-volume-mode-change annotation is not present on snapshotcontent content',
  ],
];

test.each(refusals)(
  'a snapshot that %s is not restored, and the driver not asked',
  async (_what, parts, more, message) => {
    await using world = await aWorld(parts);
    await world.create(claims, aClaim('restored', restoreOf('taken', more)));
    const words = `error getting handle for DataSource Type VolumeSnapshot by Name taken: ${message}`;
    await world.until(() => world.events.lines.some((line) => line.includes(words)));
    expect(world.csi.count('CreateVolume')).toBe(0);
    expect(finalizersOf(world)).toEqual([]);
  },
);

test('an administrator may allow a block snapshot to become a filesystem', async () => {
  const annotations = { 'snapshot.storage.kubernetes.io/allow-volume-mode-change': 'true' };
  await using world = await aWorld({ content: { sourceVolumeMode: 'Block' }, metadata: { annotations } });
  await world.create(claims, aClaim('restored', restoreOf('taken', { volumeMode: 'Filesystem' })));
  await world.until(() => world.claimPhase('restored') === 'Bound');
});

test('a driver without snapshots is not asked to restore one', async () => {
  await using world = await aWorld({}, ['CREATE_DELETE_VOLUME']);
  await world.create(claims, aClaim('restored', restoreOf('taken')));
  const message =
    'CSI driver does not support snapshot restore: controller CREATE_DELETE_SNAPSHOT capability is not reported';
  await world.until(() => world.events.lines.some((line) => line.includes(message)));
  expect(world.csi.count('CreateVolume')).toBe(0);
});

test('where each node takes its snapshots, the node that has one restores it', async () => {
  const labels = { 'snapshot.storage.kubernetes.io/managed-by': 'n2' };
  await using world = await aWorld({ metadata: { labels } }, undefined, { nodeName: 'n1' });
  for (const name of ['n1', 'n2']) {
    await world.create(resources.nodes, { metadata: { name } });
    const drivers = [{ name: 'hostpath.csi.k8s.io', nodeID: name, topologyKeys: [] }];
    await world.create(resources.csinodes, { metadata: { name }, spec: { drivers } });
  }
  await world.create(claims, aClaim('restored', restoreOf('taken')));
  await world.until(() => world.events.lines.some((line) => line.includes('snapshot taken is on node n2 only')));
  await world.clock.advance(10_000);
  expect(world.csi.count('CreateVolume')).toBe(0);
  expect(finalizersOf(world)).toEqual([]);
  // The other node's provisioner.
  await world.startProvisioner({ nodeName: 'n2' });
  await world.until(() => world.claimPhase('restored') === 'Bound');
});

test('a source of another kind is left to a populator, and said so once', async () => {
  await using world = await aWorld();
  const dataSourceRef = { apiGroup: 'example.com', kind: 'Archive', name: 'old' };
  await world.create(claims, aClaim('filled', { dataSourceRef }));
  const words = 'Assuming an external populator will provision the volume';
  await world.until(() => world.events.lines.some((line) => line.includes(words)));
  await world.clock.advance(60_000);
  expect(world.csi.count('CreateVolume')).toBe(0);
  expect(world.events.lines.filter((line) => line.includes('ProvisioningFailed'))).toEqual([]);
});
