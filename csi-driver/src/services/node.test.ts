import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { aCapability, serviceHarness } from './service.harness.ts';

const code = (name: string) => expect.objectContaining({ code: name });

async function staged() {
  const h = serviceHarness();
  const { volumeId } = await h.createVolume('pvc-1');
  const stagingTargetPath = h.makeFolder('stage');
  await h.call('NodeStageVolume')({ volumeId, stagingTargetPath, volumeCapability: aCapability() });
  const publish = (target: string, change: object = {}) =>
    h.call('NodePublishVolume')({
      volumeId,
      stagingTargetPath,
      targetPath: join(h.folder, target),
      volumeCapability: aCapability(),
      ...change,
    });
  const mounts = () => h.kernel.mounts().map((mount) => mount.mountPoint);
  return Object.assign(h, { volumeId, stagingTargetPath, publish, mounts });
}

test('NodeStageVolume binds the volume once, however often it is called', async () => {
  await using h = await staged();
  const { volumeId, stagingTargetPath } = h;
  await h.call('NodeStageVolume')({ volumeId, stagingTargetPath, volumeCapability: aCapability() });
  expect(h.kernel.mounts()).toMatchObject([{ mountPoint: stagingTargetPath, root: join(h.pool, 'volumes', volumeId) }]);
});

test('NodeStageVolume with other mount flags is ALREADY_EXISTS', async () => {
  await using h = await staged();
  const { volumeId, stagingTargetPath } = h;
  const volumeCapability = aCapability('SINGLE_NODE_MULTI_WRITER', { mountFlags: ['noexec'] });
  const again = h.call('NodeStageVolume')({ volumeId, stagingTargetPath, volumeCapability });
  await expect(again).rejects.toEqual(code('ALREADY_EXISTS'));
});

test('NodePublishVolume makes the target and binds from staging; NodeUnpublishVolume removes both', async () => {
  await using h = await staged();
  await h.publish('target');
  await h.publish('target');
  const targetPath = join(h.folder, 'target');
  expect(h.mounts()).toEqual([h.stagingTargetPath, targetPath]);
  await h.call('NodeUnpublishVolume')({ volumeId: h.volumeId, targetPath });
  await h.call('NodeUnpublishVolume')({ volumeId: h.volumeId, targetPath });
  expect(h.mounts()).toEqual([h.stagingTargetPath]);
  expect(existsSync(targetPath)).toBe(false);
});

test('NodePublishVolume read-only binds read-only; the same target read-write is ALREADY_EXISTS', async () => {
  await using h = await staged();
  await h.publish('target', { readonly: true });
  expect(h.kernel.mounts().at(-1)?.options).toContain('ro');
  await expect(h.publish('target')).rejects.toEqual(code('ALREADY_EXISTS'));
});

const secondTargets = [
  ['SINGLE_NODE_MULTI_WRITER', 'fine'],
  ['SINGLE_NODE_SINGLE_WRITER', 'FAILED_PRECONDITION'],
  ['SINGLE_NODE_WRITER', 'FAILED_PRECONDITION'],
  ['SINGLE_NODE_READER_ONLY', 'FAILED_PRECONDITION'],
] as const;

for (const [mode, expected] of secondTargets) {
  test(`NodePublishVolume at a second target with ${mode} is ${expected}`, async () => {
    await using h = await staged();
    const volumeCapability = aCapability(mode);
    await h.publish('one', { volumeCapability });
    const second = h.publish('two', { volumeCapability });
    if (expected === 'fine') await second;
    else await expect(second).rejects.toEqual(code(expected));
    expect(existsSync(join(h.folder, 'two'))).toBe(expected === 'fine');
  });
}

test('NodePublishVolume beside a single writer is FAILED_PRECONDITION, whatever mode it asks', async () => {
  await using h = await staged();
  await h.publish('one', { volumeCapability: aCapability('SINGLE_NODE_SINGLE_WRITER') });
  await expect(h.publish('two')).rejects.toEqual(code('FAILED_PRECONDITION'));
  h.kernel.unmount(join(h.folder, 'one'));
  await h.publish('two');
  await h.publish('three');
  await expect(h.publish('one', { volumeCapability: aCapability('SINGLE_NODE_SINGLE_WRITER') })).rejects.toEqual(
    code('FAILED_PRECONDITION'),
  );
});

test('NodePublishVolume where a single writer was, unmounted by hand, and beside it, is fine for shared modes', async () => {
  await using h = await staged();
  await h.publish('one', { volumeCapability: aCapability('SINGLE_NODE_SINGLE_WRITER') });
  h.kernel.unmount(join(h.folder, 'one'));
  await h.publish('one');
  await h.publish('two');
  expect(h.mounts()).toEqual([h.stagingTargetPath, join(h.folder, 'one'), join(h.folder, 'two')]);
});

test('NodePublishVolume after the first target was unmounted by hand asks the kernel, not its memory', async () => {
  await using h = await staged();
  const volumeCapability = aCapability('SINGLE_NODE_SINGLE_WRITER');
  await h.publish('one', { volumeCapability });
  h.kernel.unmount(join(h.folder, 'one'));
  await h.publish('two', { volumeCapability });
  expect(h.mounts()).toEqual([h.stagingTargetPath, join(h.folder, 'two')]);
});

test('NodePublishVolume refuses an inline volume with the id of one that was created', async () => {
  await using h = await staged();
  const volumeContext = { 'csi.storage.k8s.io/ephemeral': 'true' };
  await expect(h.publish('inline', { volumeContext })).rejects.toEqual(code('ALREADY_EXISTS'));
  expect(h.mounts()).toEqual([h.stagingTargetPath]);
});

const refused: Record<string, [change: object, code: string]> = {
  'without a staging path': [{ stagingTargetPath: '' }, 'FAILED_PRECONDITION'],
  'not staged there': [{ stagingTargetPath: '/tmp' }, 'FAILED_PRECONDITION'],
  'an unknown volume': [{ volumeId: 'unknown' }, 'NOT_FOUND'],
  'a volume id that is a path': [{ volumeId: '../volumes' }, 'NOT_FOUND'],
  'a relative target': [{ targetPath: 'target' }, 'INVALID_ARGUMENT'],
  'a target with ".."': [{ targetPath: '/tmp/../etc/x' }, 'INVALID_ARGUMENT'],
  'a target with a NUL': [{ targetPath: '/tmp/a\0b' }, 'INVALID_ARGUMENT'],
  'a target whose directory is missing': [{ targetPath: '/tmp/berth-none/x' }, 'FAILED_PRECONDITION'],
  'the staging path as target': [{ targetPath: '/tmp', stagingTargetPath: '/tmp' }, 'INVALID_ARGUMENT'],
  'a target with a name too long': [{ targetPath: `/tmp/${'é'.repeat(128)}` }, 'INVALID_ARGUMENT'],
  'a way to the target with a name too long': [{ targetPath: `/tmp/${'é'.repeat(128)}/x` }, 'INVALID_ARGUMENT'],
  'no capability': [{ volumeCapability: null }, 'INVALID_ARGUMENT'],
};

for (const [what, [change, expected]] of Object.entries(refused)) {
  test(`NodePublishVolume refuses ${what} and mounts nothing`, async () => {
    await using h = await staged();
    await expect(h.publish('target', change)).rejects.toEqual(
      expect.objectContaining({ code: expected, message: expect.not.stringContaining('/proc/self') }),
    );
    expect(h.mounts()).toEqual([h.stagingTargetPath]);
  });
}

test('NodePublishVolume refuses a symlink on the way to the target and as the target', async () => {
  await using h = await staged();
  h.makeFolder('elsewhere');
  symlinkSync('elsewhere', join(h.folder, 'link'));
  await expect(h.publish('link/target')).rejects.toEqual(code('INVALID_ARGUMENT'));
  await expect(h.publish('link')).rejects.toEqual(code('INVALID_ARGUMENT'));
  expect(existsSync(join(h.folder, 'elsewhere/target'))).toBe(false);
  expect(h.mounts()).toEqual([h.stagingTargetPath]);
});

test('NodePublishVolume does not hide files that are in the target', async () => {
  await using h = await staged();
  writeFileSync(join(h.makeFolder('target'), 'file'), 'mine');
  await expect(h.publish('target')).rejects.toEqual(code('FAILED_PRECONDITION'));
});

test('NodeUnpublishVolume leaves a target with files and one with another mount as they are', async () => {
  await using h = await staged();
  const filled = h.makeFolder('filled');
  writeFileSync(join(filled, 'file'), 'mine');
  const unpublish = (targetPath: string) => h.call('NodeUnpublishVolume')({ volumeId: h.volumeId, targetPath });
  await expect(unpublish(filled)).rejects.toEqual(code('FAILED_PRECONDITION'));
  const other = h.makeFolder('other');
  h.kernel.mount({ fsType: 'tmpfs', source: 'tmpfs', target: other });
  await expect(unpublish(other)).rejects.toEqual(code('FAILED_PRECONDITION'));
  expect(h.mounts()).toContain(other);
});

test('NodeUnpublishVolume and NodeUnstageVolume of an unknown volume leave what another has mounted', async () => {
  await using h = await staged();
  await h.publish('target');
  const { stagingTargetPath } = h;
  const before = h.mounts();
  const unpublish = h.call('NodeUnpublishVolume')({ volumeId: 'unknown', targetPath: join(h.folder, 'target') });
  await expect(unpublish).rejects.toEqual(code('FAILED_PRECONDITION'));
  const unstage = h.call('NodeUnstageVolume')({ volumeId: 'unknown', stagingTargetPath });
  await expect(unstage).rejects.toEqual(code('FAILED_PRECONDITION'));
  expect(h.mounts()).toEqual(before);
});

test('a failed bind is INTERNAL, and the next try works', async () => {
  await using h = await staged();
  h.kernel.failNext('bind', 'EIO');
  await expect(h.publish('target')).rejects.toEqual(code('INTERNAL'));
  await h.publish('target');
  expect(h.mounts()).toHaveLength(2);
});

test('NodeUnstageVolume takes stacked mounts off and leaves the directory to the CO', async () => {
  await using h = await staged();
  const { volumeId, stagingTargetPath } = h;
  h.kernel.bind(join(h.pool, 'volumes', volumeId), stagingTargetPath);
  await h.call('NodeUnstageVolume')({ volumeId, stagingTargetPath });
  await h.call('NodeUnstageVolume')({ volumeId, stagingTargetPath });
  expect(h.mounts()).toEqual([]);
  expect(existsSync(stagingTargetPath)).toBe(true);
});

test('NodeGetVolumeStats counts the files of this volume alone', async () => {
  await using h = await staged();
  await h.publish('target');
  writeFileSync(join(h.pool, 'volumes', h.volumeId, 'file'), Buffer.alloc(100_000, 1));
  const stats = (volumePath: string) => h.call('NodeGetVolumeStats')({ volumeId: h.volumeId, volumePath });
  const { usage } = (await stats(join(h.folder, 'target'))) as { usage?: { unit: string; used: string }[] };
  expect(usage?.map(({ unit }) => unit)).toEqual(['BYTES', 'INODES']);
  expect(usage?.[1]?.used).toBe('2');
  expect(Number(usage?.[0]?.used)).toBeLessThan(200_000);
  await expect(stats(h.folder)).rejects.toEqual(code('NOT_FOUND'));
});
