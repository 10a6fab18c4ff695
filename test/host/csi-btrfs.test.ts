import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startDriverProcess } from '../harness/driver-process.ts';
import { capabilityOf, imageFolder } from '../harness/image-driver.ts';

const MiB = 1024 ** 2;
const code = (name: string) => expect.objectContaining({ code: name });
const volumeCapability = capabilityOf({ mount: {} });
type Driver = Awaited<ReturnType<typeof startDriverProcess>>;

async function create({ controller }: Driver, name: string, change: object = {}): Promise<string> {
  const { volume } = await controller.CreateVolume({
    name,
    volumeCapabilities: [volumeCapability],
    capacityRange: { requiredBytes: String(32 * MiB), limitBytes: '0' },
    parameters: { backend: 'btrfs' },
    ...change,
  });
  return volume!.volumeId;
}

async function publish({ node }: Driver, volumeId: string, folder: string) {
  const paths = {
    stagingTargetPath: join(folder, `stage-${volumeId}`),
    targetPath: join(folder, `target-${volumeId}`),
  };
  mkdirSync(paths.stagingTargetPath, { recursive: true });
  await node.NodeStageVolume({ volumeId, stagingTargetPath: paths.stagingTargetPath, volumeCapability });
  await node.NodePublishVolume({ volumeId, ...paths, volumeCapability });
  return paths;
}

test('a subvolume stops its writer at its size, grows, and is copied at once with all it holds', async () => {
  await using place = await imageFolder('btrfs');
  let driver = await startDriverProcess(place.folder);
  const volumeId = await create(driver, 'pvc-1');
  const { targetPath, stagingTargetPath } = await publish(driver, volumeId, place.folder);
  writeFileSync(join(targetPath, 'kept'), 'before');
  const fill = (mib: number) =>
    execFileSync(
      'dd',
      ['if=/dev/urandom', `of=${targetPath}/fill`, 'bs=1M', 'iflag=fullblock', `count=${mib}`, 'conv=fsync'],
      {
        stdio: 'pipe',
      },
    );
  expect(() => fill(64)).toThrow(/quota exceeded/);
  await driver.controller.ControllerExpandVolume({
    volumeId,
    capacityRange: { requiredBytes: String(128 * MiB), limitBytes: '0' },
  });
  fill(64);
  // btrfs counts when it commits.
  execFileSync('sync', ['-f', targetPath]);
  const { usage } = await driver.node.NodeGetVolumeStats({ volumeId, volumePath: targetPath });
  expect(usage).toMatchObject([{ unit: 'BYTES', total: String(128 * MiB) }]);
  expect(Number(usage[0]?.used)).toBeGreaterThan(64 * MiB);
  const { snapshot } = await driver.controller.CreateSnapshot({ name: 'snap', sourceVolumeId: volumeId });
  writeFileSync(join(targetPath, 'kept'), 'after');
  await driver.kill();
  driver = await startDriverProcess(place.folder);
  const snapshotId = snapshot!.snapshotId;
  const restored = await create(driver, 'pvc-2', {
    volumeContentSource: { snapshot: { snapshotId } },
    capacityRange: null,
  });
  // As a growth leaves it that was killed before it was written down.
  execFileSync('btrfs', ['qgroup', 'limit', '1G', join(place.folder, 'pool/subvolumes', restored)]);
  const second = await publish(driver, restored, place.folder);
  expect(readFileSync(join(second.targetPath, 'kept'), 'utf8')).toBe('before');
  expect(() =>
    execFileSync(
      'dd',
      ['if=/dev/urandom', `of=${second.targetPath}/more`, 'bs=1M', 'iflag=fullblock', 'count=100', 'conv=fsync'],
      {
        stdio: 'pipe',
      },
    ),
  ).toThrow(/quota exceeded/);
  for (const [id, paths] of [
    [volumeId, { targetPath, stagingTargetPath }],
    [restored, second],
  ] as const) {
    await expect(driver.controller.DeleteVolume({ volumeId: id })).rejects.toEqual(code('FAILED_PRECONDITION'));
    await driver.node.NodeUnpublishVolume({ volumeId: id, targetPath: paths.targetPath });
    await driver.node.NodeUnstageVolume({ volumeId: id, stagingTargetPath: paths.stagingTargetPath });
    await driver.controller.DeleteVolume({ volumeId: id });
  }
  await driver.controller.DeleteSnapshot({ snapshotId });
  for (const folder of ['subvolumes', 'subvolume-snapshots']) expect(readdirSync(join(place.pool, folder))).toEqual([]);
  await expect.poll(() => readdirSync(join(place.pool, 'trash'))).toEqual([]);
  await expect.poll(() => execFileSync('btrfs', ['subvolume', 'list', place.pool], { encoding: 'utf8' })).toBe('');
  await driver[Symbol.asyncDispose]();
});

test('subvolumes are refused where the pool is on another filesystem', async () => {
  await using place = await imageFolder();
  await using driver = await startDriverProcess(place.folder);
  await expect(create(driver, 'pvc-1')).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('directory, image'),
  });
});

test.each(['directory', 'btrfs'])(
  'a volume of %s on btrfs shrinks while it is used, to no less than it holds',
  async (backend) => {
    await using place = await imageFolder('btrfs');
    await using driver = await startDriverProcess(place.folder);
    const { controller } = driver;
    const volumeId = await create(driver, 'pvc-1', { parameters: { backend } });
    const { targetPath } = await publish(driver, volumeId, place.folder);
    const fill = (name: string, mib: number) =>
      execFileSync(
        'dd',
        ['if=/dev/urandom', `of=${targetPath}/${name}`, 'bs=1M', 'iflag=fullblock', `count=${mib}`, 'conv=fsync'],
        {
          stdio: 'pipe',
        },
      );
    fill('kept', 16);
    const shrinkTo = (mib: number) =>
      controller.ControllerExpandVolume({
        volumeId,
        capacityRange: { requiredBytes: String(mib * MiB), limitBytes: String(mib * MiB) },
      });
    await expect(shrinkTo(12)).rejects.toMatchObject({
      code: 'OUT_OF_RANGE',
      message: expect.stringMatching(/it holds \d+$/),
    });
    fill('more', 8);
    expect(await shrinkTo(28)).toMatchObject({ capacityBytes: String(28 * MiB) });
    expect(() => fill('most', 16)).toThrow(/quota exceeded/);
    const { volume } = await controller.ControllerGetVolume({ volumeId });
    expect(volume?.capacityBytes).toBe(String(28 * MiB));
  },
);

test('a directory on btrfs is kept to its size, and what is cloned or restored from it has its own', async () => {
  await using place = await imageFolder('btrfs');
  await using driver = await startDriverProcess(place.folder);
  const { controller, node } = driver;
  const directory = { parameters: { quota: 'required' } };
  const source = await create(driver, 'source', directory);
  const { targetPath } = await publish(driver, source, place.folder);
  const fill = (folder: string, mib: number) =>
    execFileSync(
      'dd',
      ['if=/dev/urandom', `of=${folder}/fill`, 'bs=1M', 'iflag=fullblock', `count=${mib}`, 'conv=fsync'],
      {
        stdio: 'pipe',
      },
    );
  expect(() => fill(targetPath, 64)).toThrow(/quota exceeded/);
  // A full subvolume lets nothing be opened for writing; what was removed counts until btrfs commits.
  rmSync(join(targetPath, 'fill'));
  execFileSync('sync', ['-f', targetPath]);
  fill(targetPath, 16);
  const { usage } = await node.NodeGetVolumeStats({ volumeId: source, volumePath: targetPath });
  expect(usage).toMatchObject([{ unit: 'BYTES', total: String(32 * MiB) }]);
  const { snapshot } = await controller.CreateSnapshot({ name: 's', sourceVolumeId: source });
  const clone = await create(driver, 'clone', {
    ...directory,
    capacityRange: { requiredBytes: String(64 * MiB), limitBytes: '0' },
    volumeContentSource: { snapshot: { snapshotId: snapshot!.snapshotId } },
  });
  const copy = await publish(driver, clone, place.folder);
  expect(readFileSync(join(copy.targetPath, 'fill')).equals(readFileSync(join(targetPath, 'fill')))).toBe(true);
  fill(copy.targetPath, 48);
  expect(() => fill(copy.targetPath, 80)).toThrow(/quota exceeded/);
  const later = await create(driver, 'later', directory);
  // Whoever switches quotas off takes all limits with them.
  execFileSync('btrfs', ['quota', 'disable', join(place.folder, 'pool')]);
  const staged = await publish(driver, later, place.folder);
  expect(() => fill(staged.targetPath, 64)).toThrow(/quota exceeded/);
});
