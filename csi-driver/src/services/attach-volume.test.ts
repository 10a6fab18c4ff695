import { join } from 'node:path';
import type { csi } from '@berth/protos';
import { expect, test } from 'vitest';
import { aCapability, serviceHarness } from './service.harness.ts';

const code = (name: string) => expect.objectContaining({ code: name });

async function scene() {
  const h = serviceHarness();
  const { volumeId } = await h.createVolume('pvc-1');
  const attach = (change: object = {}) =>
    h.call('ControllerPublishVolume')({ volumeId, nodeId: 'n1', volumeCapability: aCapability(), ...change });
  const detach = (change: object = {}) => h.call('ControllerUnpublishVolume')({ volumeId, ...change });
  const nodes = async () => {
    const answer = await h.call('ControllerGetVolume')({ volumeId });
    return (answer['status'] as csi.ControllerGetVolumeResponseVolumeStatus).publishedNodeIds;
  };
  return Object.assign(h, { volumeId, attach, detach, nodes });
}

test('a published volume says so, is not deleted, and is published again with the same answer', async () => {
  await using h = await scene();
  expect(await h.attach()).toEqual({ publishContext: {} });
  expect(await h.attach()).toEqual({ publishContext: {} });
  expect(await h.nodes()).toEqual(['n1']);
  const listed = await h.call('ListVolumes')({});
  expect(listed['entries']).toMatchObject([{ status: { publishedNodeIds: ['n1'] } }]);
  await expect(h.call('DeleteVolume')({ volumeId: h.volumeId })).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: expect.stringContaining('n1'),
  });
  await h.detach({ nodeId: 'n2' });
  expect(await h.nodes()).toEqual(['n1']);
  await h.detach();
  await h.detach({ nodeId: 'n1' });
  expect(await h.nodes()).toEqual([]);
  await h.call('DeleteVolume')({ volumeId: h.volumeId });
  await h.detach();
});

const refused: Record<string, [change: object, code: string]> = {
  'no volume id': [{ volumeId: '' }, 'INVALID_ARGUMENT'],
  'no node id': [{ nodeId: '' }, 'INVALID_ARGUMENT'],
  'a node id of 257 bytes': [{ nodeId: 'n'.repeat(257) }, 'INVALID_ARGUMENT'],
  'no capability': [{ volumeCapability: null }, 'INVALID_ARGUMENT'],
  'an unknown volume': [{ volumeId: 'unknown' }, 'NOT_FOUND'],
  'a path as volume id': [{ volumeId: '../../etc' }, 'NOT_FOUND'],
  'an unknown node': [{ nodeId: 'n2' }, 'NOT_FOUND'],
  'an access mode of several nodes': [{ volumeCapability: aCapability('MULTI_NODE_MULTI_WRITER') }, 'INVALID_ARGUMENT'],
};

for (const [what, [change, expected]] of Object.entries(refused)) {
  test(`ControllerPublishVolume refuses ${what} and writes nothing down`, async () => {
    await using h = await scene();
    await expect(h.attach(change)).rejects.toEqual(code(expected));
    expect(h.context.catalog.attachments.list()).toEqual([]);
  });
}

for (const [what, change] of Object.entries({
  'read-only': { readonly: true },
  'in another mode': { volumeCapability: aCapability('SINGLE_NODE_SINGLE_WRITER') },
})) {
  test(`a volume published already, then ${what}, is ALREADY_EXISTS`, async () => {
    await using h = await scene();
    await h.attach();
    await expect(h.attach(change)).rejects.toEqual(code('ALREADY_EXISTS'));
  });
}

test('a volume that is published to another node is FAILED_PRECONDITION and names the node', async () => {
  await using h = await scene();
  const elsewhere = { volumeId: h.volumeId, nodeId: 'n0', mode: 'SINGLE_NODE_WRITER', access: 'mount' } as const;
  await h.context.catalog.attachments.add({ ...elsewhere, readOnly: false });
  await expect(h.attach()).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: expect.stringContaining('"n0"'),
  });
});

test('a node takes as many volumes as its limit says, also when all are published at once, and tells it', async () => {
  await using h = await scene();
  expect(await h.call('NodeGetInfo')({})).toMatchObject({ maxVolumesPerNode: '3' });
  const ids = [h.volumeId];
  for (const name of ['b', 'c', 'd', 'e']) ids.push((await h.createVolume(name)).volumeId);
  const results = await Promise.allSettled(ids.map((volumeId) => h.attach({ volumeId })));
  const failed = results.filter(({ status }) => status === 'rejected');
  expect(failed).toMatchObject([
    { reason: { code: 'RESOURCE_EXHAUSTED' } },
    { reason: { code: 'RESOURCE_EXHAUSTED' } },
  ]);
  const published = ids.filter((_, index) => results[index]?.status === 'fulfilled');
  await h.detach({ volumeId: published[0] });
  await h.attach({ volumeId: ids.find((id) => !published.includes(id)) });
});

test('a volume published read-only is read-only in the pod, whatever the publish says', async () => {
  await using h = await scene();
  const { publishContext } = (await h.attach({ readonly: true })) as { publishContext: Record<string, string> };
  const stagingTargetPath = h.makeFolder('stage');
  const request = { volumeId: h.volumeId, stagingTargetPath, publishContext, volumeCapability: aCapability() };
  await h.call('NodeStageVolume')(request);
  const targetPath = join(h.folder, 'target');
  await h.call('NodePublishVolume')({ ...request, targetPath });
  const mount = h.kernel.mounts().find(({ mountPoint }) => mountPoint === targetPath);
  expect(mount?.options).toContain('ro');
});
