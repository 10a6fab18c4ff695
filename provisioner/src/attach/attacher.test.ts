import { resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { historyOf } from '../../../test/harness/history.ts';
import { aClaim, aClass } from '../../../test/harness/storage-builders.ts';
import { StorageWorld } from '../../../test/harness/storage-world.ts';

const { persistentvolumeclaims: claims, persistentvolumes: volumes, volumeattachments } = resources;
const finalizer = 'external-attacher/hostpath-csi-k8s-io';

async function aWorld(attaches: boolean) {
  const capabilities = attaches
    ? (['CREATE_DELETE_VOLUME', 'PUBLISH_UNPUBLISH_VOLUME'] as const)
    : (['CREATE_DELETE_VOLUME'] as const);
  const world = await StorageWorld.start({
    attacher: true,
    csi: { capabilities, publishContext: { device: '/dev/fake' } },
  });
  const drivers = [{ name: world.csi.name, nodeID: 'node-id-0' }];
  await world.create(resources.csinodes, { metadata: { name: 'node-0' }, spec: { drivers } });
  await world.create(resources.storageclasses, aClass('csi-hostpath-sc'));
  await world.create(claims, aClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  const volume = world.api.all(volumes)[0]?.metadata.name ?? '';
  const attach = () =>
    world.create(volumeattachments, {
      metadata: { name: 'csi-1' },
      spec: { attacher: world.csi.name, nodeName: 'node-0', source: { persistentVolumeName: volume } },
    });
  return { world, volume, attach };
}

test('attaching writes the volume’s finalizer, the attachment’s, then the status; detaching takes them back', async () => {
  const { world, volume, attach } = await aWorld(true);
  await using _ = world;
  const start = world.api.writes.length;
  await attach();
  await world.until(() => world.one(volumeattachments, 'csi-1')?.status?.attached === true);
  expect(historyOf(world.api.writes.slice(start + 1)).map(({ object, set }) => [object, set])).toEqual([
    [
      'pv/pvc-<uid>',
      {
        'metadata.finalizers': [
          'external-provisioner.volume.kubernetes.io/finalizer',
          'kubernetes.io/pv-protection',
          finalizer,
        ],
      },
    ],
    [
      'va/csi-1',
      {
        'metadata.annotations.csi.alpha.kubernetes.io/node-id': 'node-id-0',
        'metadata.finalizers': [finalizer],
      },
    ],
    ['va/csi-1', { 'status.attached': true, 'status.attachmentMetadata.device': '/dev/fake' }],
  ]);
  expect(world.csi.count('ControllerPublishVolume')).toBe(1);
  await world.client.delete(volumeattachments, { name: 'csi-1' });
  await world.until(() => world.api.all(volumeattachments).length === 0);
  expect(world.csi.published.size).toBe(0);
  await world.client.delete(claims, { namespace: 'NS', name: 'c1' });
  await world.until(() => world.one(volumes, volume) === undefined);
});

test('a failed attach is shown on the attachment and tried again', async () => {
  const { world, attach } = await aWorld(true);
  await using _ = world;
  world.csi.misbehave('ControllerPublishVolume', { code: 'INTERNAL', message: 'busy' });
  await attach();
  await world.until(() => world.one(volumeattachments, 'csi-1')?.status?.attachError !== undefined);
  expect(world.one(volumeattachments, 'csi-1')?.status).toMatchObject({
    attached: false,
    attachError: { message: 'rpc error: code = Internal desc = busy', errorCode: 13 },
  });
  await world.until(() => world.one(volumeattachments, 'csi-1')?.status?.attached === true);
  expect(world.one(volumeattachments, 'csi-1')?.status?.attachError).toBeUndefined();
});

test('an attachment deleted after an uncertain attach is detached at the driver', async () => {
  const { world, attach } = await aWorld(true);
  await using _ = world;
  world.csi.misbehave('ControllerPublishVolume', { code: 'DEADLINE_EXCEEDED', made: true });
  await attach();
  await world.until(() => world.csi.published.size === 1);
  await world.client.delete(volumeattachments, { name: 'csi-1' });
  await world.until(() => world.api.all(volumeattachments).length === 0);
  expect(world.csi.published.size).toBe(0);
});

test('a driver that does not attach is never asked, and its attachments are at once attached', async () => {
  const { world, attach } = await aWorld(false);
  await using _ = world;
  await attach();
  await world.until(() => world.one(volumeattachments, 'csi-1')?.status?.attached === true, { limitMs: 20 });
  expect(world.csi.count('ControllerPublishVolume')).toBe(0);
  await world.client.delete(volumeattachments, { name: 'csi-1' });
  await world.until(() => world.api.all(volumeattachments).length === 0);
});
