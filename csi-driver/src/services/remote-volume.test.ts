import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FakeNfsServer } from '../backend/nfs/nfs-server.fake.ts';
import { aCapability, serviceHarness } from './service.harness.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const parameters = { backend: 'nfs', server: 'nas', share: '/export' };
const shared = aCapability('MULTI_NODE_MULTI_WRITER');

function aWorld() {
  const server = new FakeNfsServer();
  server.bytes = { total: 1e12, free: 1e12, available: 1e12 };
  const h = serviceHarness(undefined, { nfs: server });
  const stage = (volumeId: string, change: object = {}) =>
    h.call('NodeStageVolume')({
      volumeId,
      stagingTargetPath: h.makeFolder('stage'),
      volumeCapability: shared,
      ...change,
    });
  const publish = (volumeId: string, target: string, change: object = {}) =>
    h.call('NodePublishVolume')({
      volumeId,
      stagingTargetPath: join(h.folder, 'stage'),
      targetPath: join(h.folder, target),
      volumeCapability: shared,
      ...change,
    });
  const unstage = (volumeId: string) =>
    h.call('NodeUnstageVolume')({ volumeId, stagingTargetPath: join(h.folder, 'stage') });
  const unpublish = (volumeId: string, target: string) =>
    h.call('NodeUnpublishVolume')({ volumeId, targetPath: join(h.folder, target) });
  const notes = () => readdirSync(join(h.pool, 'nfs/staged'));
  const mounts = () => h.kernel.mounts().map(({ mountPoint }) => mountPoint.slice(h.folder.length + 1));
  return Object.assign(h, { server, stage, publish, unstage, unpublish, notes, mounts });
}

/** A volume that another driver made, or nobody. */
const elsewhere = 'nas.example.com/export#data';
const volumeContext = { ...parameters, subDir: 'data', 'csi.storage.k8s.io/pod.name': 'web-0' };

test('a volume of a server lives from CreateVolume to DeleteVolume, with several pods of several nodes', async () => {
  await using h = aWorld();
  const { volumeId, accessibleTopology } = await h.createVolume('pvc-1', { parameters, volumeCapabilities: [shared] });
  expect(accessibleTopology).toEqual([]);
  await h.stage(volumeId);
  await h.stage(volumeId);
  await h.publish(volumeId, 'a');
  await h.publish(volumeId, 'b');
  expect(h.kernel.mounts()).toMatchObject([
    { source: 'nas:/export/pvc-1', fsType: 'nfs4' },
    { source: 'nas:/export/pvc-1' },
    { source: 'nas:/export/pvc-1' },
  ]);
  await expect(h.call('DeleteVolume')({ volumeId })).rejects.toEqual(code('FAILED_PRECONDITION'));
  await h.unpublish(volumeId, 'a');
  await h.unpublish(volumeId, 'b');
  await h.unstage(volumeId);
  await h.unstage(volumeId);
  expect([h.mounts(), h.notes()]).toEqual([[], []]);
  await h.call('DeleteVolume')({ volumeId });
  expect(h.server.has('pvc-1')).toBe(false);
});

test('a volume that is not in the catalog is used by its context, to the end', async () => {
  await using h = aWorld();
  h.server.makeDirectory('data');
  await h.stage(elsewhere, { volumeContext });
  await h.publish(elsewhere, 'a', { volumeContext });
  const volumePath = join(h.folder, 'a');
  const stats = await h.call('NodeGetVolumeStats')({ volumeId: elsewhere, volumePath });
  expect(stats).toMatchObject({ usage: [{ unit: 'BYTES', total: String(1e12) }, { unit: 'INODES' }] });
  const capacityRange = { requiredBytes: '7', limitBytes: '0' };
  const grown = await h.call('NodeExpandVolume')({ volumeId: elsewhere, volumePath, capacityRange });
  expect(grown).toEqual({ capacityBytes: '7' });
  await h.unpublish(elsewhere, 'a');
  expect(existsSync(volumePath)).toBe(false);
  await h.unstage(elsewhere);
  await h.unstage(elsewhere);
  expect([h.mounts(), h.notes()]).toEqual([[], []]);
  expect(h.server.has('data')).toBe(true);
});

test('deleting a volume that is not in the catalog touches nothing, whatever its id says', async () => {
  await using h = aWorld();
  h.server.makeDirectory('data');
  for (const volumeId of [elsewhere, 'nas#/export#data', '../data', 'data', '/export/data', 'nas#/export#..#']) {
    await h.call('DeleteVolume')({ volumeId });
  }
  expect(h.server.tree()).toEqual(['data/']);
  expect(h.server.calls).toEqual([]);
});

test.each([elsewhere, 'by-hand'])('NodeUnpublishVolume after NodeUnstageVolume takes "%s" away too', async (id) => {
  await using h = aWorld();
  h.server.makeDirectory('data');
  await h.stage(id, { volumeContext });
  await h.publish(id, 'a', { volumeContext });
  await h.unstage(id);
  expect(h.mounts()).toEqual(['a']);
  await h.unpublish(id, 'a');
  expect([h.mounts(), h.notes()]).toEqual([[], []]);
});

for (const [what, change] of Object.entries({
  'an escaping sub directory': { subDir: '../other' },
  'one that ends above': { subDir: 'a/b/..' },
  'one with backslashes': { subDir: 'a\\..\\..\\b' },
  'an encoded one': { subDir: '%2e%2e' },
  'one with NUL': { subDir: 'a\0b' },
  'one with an option': { subDir: 'a,addr=6.6.6.6' },
  'an escaping share': { share: '/export/..' },
  'a server with an option': { server: 'nas,ro' },
  'no server': { server: '' },
})) {
  test(`a context with ${what} is INVALID_ARGUMENT, staged and published`, async () => {
    await using h = aWorld();
    const context = { ...volumeContext, ...change };
    await expect(h.stage(elsewhere, { volumeContext: context })).rejects.toEqual(code('INVALID_ARGUMENT'));
    await expect(h.publish(elsewhere, 'a', { volumeContext: context })).rejects.toEqual(code('INVALID_ARGUMENT'));
    expect([h.mounts(), h.notes(), h.server.calls]).toEqual([[], [], []]);
  });
}

test('mount flags that are no nfs options are INVALID_ARGUMENT, and are not repeated', async () => {
  await using h = aWorld();
  h.server.makeDirectory('data');
  const volumeCapability = aCapability('SINGLE_NODE_WRITER', { mountFlags: ['hard', 'addr=6.6.6.6'] });
  const staged = h.stage(elsewhere, { volumeContext, volumeCapability });
  await expect(staged).rejects.toEqual(code('INVALID_ARGUMENT'));
  await expect(staged).rejects.not.toThrow(/6\.6\.6\.6/);
});

test('a volume that the catalog has is never taken from a context', async () => {
  await using h = aWorld();
  h.server.makeDirectory('other');
  const { volumeId } = await h.createVolume('pvc-1', { parameters, volumeCapabilities: [shared] });
  await h.stage(volumeId, { volumeContext: { ...parameters, subDir: 'other' } });
  expect(h.kernel.mounts()).toMatchObject([{ source: 'nas:/export/pvc-1' }]);
});

test('neither context nor catalog is NOT_FOUND; a context of a local backend is too', async () => {
  await using h = aWorld();
  await expect(h.stage('unknown')).rejects.toEqual(code('NOT_FOUND'));
  const local = { backend: 'directory', server: 'nas', share: '/export' };
  await expect(h.stage('unknown', { volumeContext: local })).rejects.toEqual(code('NOT_FOUND'));
});

test('a directory that the server has not is NOT_FOUND, and leaves nothing behind', async () => {
  await using h = aWorld();
  await expect(h.stage(elsewhere, { volumeContext })).rejects.toEqual(code('NOT_FOUND'));
  expect([h.mounts(), h.notes()]).toEqual([[], []]);
});

test('staged elsewhere under the same id is ALREADY_EXISTS', async () => {
  await using h = aWorld();
  h.server.makeDirectory('data');
  h.server.makeDirectory('other');
  await h.stage(elsewhere, { volumeContext });
  const again = h.stage(elsewhere, { volumeContext: { ...volumeContext, subDir: 'other' } });
  await expect(again).rejects.toEqual(code('ALREADY_EXISTS'));
  expect(h.kernel.mounts()).toMatchObject([{ source: 'nas:/export/data' }]);
});

const secondTargets = [
  ['MULTI_NODE_MULTI_WRITER', true],
  ['MULTI_NODE_SINGLE_WRITER', true],
  ['MULTI_NODE_READER_ONLY', true],
  ['SINGLE_NODE_MULTI_WRITER', true],
  ['SINGLE_NODE_WRITER', false],
  ['SINGLE_NODE_SINGLE_WRITER', false],
  ['SINGLE_NODE_READER_ONLY', false],
] as const;

for (const [mode, isFine] of secondTargets) {
  test(`a second target in mode ${mode} is ${isFine ? 'fine' : 'FAILED_PRECONDITION'}`, async () => {
    await using h = aWorld();
    const volumeCapability = aCapability(mode);
    const { volumeId } = await h.createVolume('pvc-1', { parameters, volumeCapabilities: [volumeCapability] });
    await h.stage(volumeId, { volumeCapability });
    await h.publish(volumeId, 'a', { volumeCapability });
    const second = h.publish(volumeId, 'b', { volumeCapability });
    if (isFine) await second;
    else await expect(second).rejects.toEqual(code('FAILED_PRECONDITION'));
    expect(h.kernel.mounts()[1]?.options.includes('ro')).toBe(mode.endsWith('READER_ONLY'));
  });
}

test('several nodes are refused to what is in a pool', async () => {
  await using h = aWorld();
  const made = h.createVolume('pvc-1', { volumeCapabilities: [shared] });
  await expect(made).rejects.toEqual(code('INVALID_ARGUMENT'));
});

test('NodeGetVolumeStats of a server that is away ends by its deadline, and others are answered meanwhile', async () => {
  await using h = aWorld();
  h.server.makeDirectory('data');
  await h.stage(elsewhere, { volumeContext });
  h.server.away = true;
  const stats = h.call('NodeGetVolumeStats')({ volumeId: elsewhere, volumePath: join(h.folder, 'stage') });
  const refused = expect(stats).rejects.toEqual(code('UNAVAILABLE'));
  await h.createVolume('local');
  await h.clock.advance(10_000);
  await refused;
});

test('a volume whose server does not answer is INACCESSIBLE until it answers again', async () => {
  await using h = aWorld();
  const { volumeId } = await h.createVolume('pvc-1', { parameters, volumeCapabilities: [shared] });
  const health = async () => {
    const { volumeHealth } = await h.call('ControllerGetVolumeHealth')({ volumeId });
    return (volumeHealth as { healthStatuses: object[] }).healthStatuses;
  };
  expect(await health()).toEqual([]);
  await h.stage(volumeId);
  h.server.away = true;
  const stats = () => h.call('NodeGetVolumeStats')({ volumeId, volumePath: join(h.folder, 'stage') });
  const refused = expect(stats()).rejects.toEqual(code('UNAVAILABLE'));
  await h.clock.advance(10_000);
  await refused;
  expect(await health()).toMatchObject([{ status: 'INACCESSIBLE', reason: 'ServerUnreachable' }]);
  h.server.away = false;
  await stats();
  expect(await health()).toEqual([]);
});

test('a busy mount is FAILED_PRECONDITION while its server answers, and is detached by force when it is gone', async () => {
  await using h = aWorld();
  h.server.makeDirectory('data');
  await h.stage(elsewhere, { volumeContext });
  h.kernel.failNext('unmount', 'EBUSY');
  await expect(h.unstage(elsewhere)).rejects.toEqual(code('FAILED_PRECONDITION'));
  expect(h.mounts()).toEqual(['stage']);
  h.server.away = true;
  h.kernel.failNext('unmount', 'EBUSY');
  const forced = h.unstage(elsewhere);
  await h.clock.advance(10_000);
  await forced;
  expect([h.mounts(), h.notes()]).toEqual([[], []]);
});

test('what else is mounted at the staging path is left alone', async () => {
  await using h = aWorld();
  h.server.makeDirectory('data');
  await h.stage(elsewhere, { volumeContext });
  h.kernel.mount({ fsType: 'nfs4', source: 'nas:/export/other', target: join(h.folder, 'stage') });
  await expect(h.unstage(elsewhere)).rejects.toEqual(code('FAILED_PRECONDITION'));
  expect(h.mounts()).toEqual(['stage', 'stage']);
});

test('a group snapshot of volumes nobody uses here says why there is none: who writes from elsewhere cannot be stopped', async () => {
  await using h = aWorld();
  const { volumeId } = await h.createVolume('pvc-1', { parameters, volumeCapabilities: [shared] });
  const creating = h.call('CreateVolumeGroupSnapshot')({ name: 'g', sourceVolumeIds: [volumeId] });
  await expect(creating).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: expect.stringMatching(/"nfs" may be written from any node.*take a snapshot of it alone/),
  });
  expect(h.context.catalog.groups.list()).toEqual([]);
});
