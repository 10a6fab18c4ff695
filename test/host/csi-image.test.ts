import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { freezeFilesystem, linuxMounter, loopPath, openRoot, putXattr, reopen } from '@berth/linux';
import { expect, test } from 'vitest';
import { startDriverProcess } from '../harness/driver-process.ts';
import { type Access, capabilityOf, createImage, imageFolder, useImage } from '../harness/image-driver.ts';

const MiB = 1024 ** 2;
const code = (name: string) => expect.objectContaining({ code: name });
const fs = (fsType: string): Access => ({ mount: { fsType } });
const block: Access = { block: {} };
const range = (mib: number) => ({ requiredBytes: String(mib * MiB), limitBytes: '0' });

/** Sizes that each mkfs takes, and what may be missing of them to the filesystem itself. */
const filesystems = [
  ['ext4', 64, 0.75],
  ['xfs', 320, 0.75],
  ['btrfs', 256, 0.9],
] as const;

for (const [fsType, mib, least] of filesystems) {
  test(`a ${fsType} image has its size, stops the writer there, keeps data through kill -9, grows online and leaves nothing`, async () => {
    await using place = await imageFolder();
    let driver = await startDriverProcess(place.folder);
    const restart = async () => {
      await driver.kill();
      driver = await startDriverProcess(place.folder);
    };
    const volumeId = await createImage(driver, 'pvc-1', { access: fs(fsType), mib });
    let use = await useImage(driver, volumeId, { folder: place.folder, access: fs(fsType) });
    const sizeMiB = () => {
      const { blocks, bsize } = statfsSync(use.targetPath);
      return (blocks * bsize) / MiB;
    };
    expect([sizeMiB() <= mib, sizeMiB() > mib * least]).toEqual([true, true]);
    expect(statSync(use.targetPath).mode & 0o777).toBe(0o777);
    writeFileSync(join(use.targetPath, 'kept'), 'data');
    await restart();
    use = await useImage(driver, volumeId, { folder: place.folder, access: fs(fsType) });
    expect(place.loops()).toHaveLength(1);
    await driver.controller.ControllerExpandVolume({ volumeId, capacityRange: range(mib * 2) });
    const volumePath = use.targetPath;
    const expanding = driver.node.NodeExpandVolume({ volumeId, volumePath, capacityRange: range(mib * 2) });
    if (fsType !== 'ext4' || mayGrowMountedExt4()) await expanding;
    else {
      await expect(expanding).rejects.toEqual(code('FAILED_PRECONDITION'));
      await use.release(driver);
      use = await useImage(driver, volumeId, { folder: place.folder, access: fs(fsType) });
    }
    expect(sizeMiB()).toBeGreaterThan(mib * 2 * least);
    expect(readFileSync(join(use.targetPath, 'kept'), 'utf8')).toBe('data');
    expect(() =>
      execFileSync('dd', ['if=/dev/zero', `of=${use.targetPath}/full`, 'bs=1M', `count=${mib * 3}`], { stdio: 'pipe' }),
    ).toThrow(/No space left/);
    const { usage } = await driver.node.NodeGetVolumeStats({ volumeId, volumePath: use.targetPath });
    expect(Number(usage[0]?.total)).toBeGreaterThan(mib * 2 * least * MiB);
    await expect(driver.controller.DeleteVolume({ volumeId })).rejects.toEqual(code('FAILED_PRECONDITION'));
    await restart();
    await use.release(driver);
    await expect.poll(place.loops).toEqual([]);
    await driver.controller.DeleteVolume({ volumeId });
    expect(place.mounts()).toEqual([]);
    expect(readdirSync(join(place.pool, 'images'))).toEqual([]);
    await driver[Symbol.asyncDispose]();
  });
}

test('a block volume is a device of its exact size, keeps its bytes, grows, and honours read-only', async () => {
  await using place = await imageFolder();
  let driver = await startDriverProcess(place.folder);
  const volumeId = await createImage(driver, 'pvc-1', { access: block, mib: 10 });
  const use = await useImage(driver, volumeId, { folder: place.folder, access: block });
  const size = () => Number(execFileSync('blockdev', ['--getsize64', use.targetPath], { encoding: 'utf8' }));
  expect([statSync(use.targetPath).isBlockDevice(), size()]).toEqual([true, 10 * MiB]);
  const bytes = randomBytes(4096);
  writeAt(use.targetPath, bytes, 9 * MiB);
  await driver.kill();
  driver = await startDriverProcess(place.folder);
  await useImage(driver, volumeId, { folder: place.folder, access: block });
  expect(place.loops()).toHaveLength(1);
  expect(readAt(use.targetPath, 4096, 9 * MiB).equals(bytes)).toBe(true);
  await driver.controller.ControllerExpandVolume({ volumeId, capacityRange: range(20) });
  await driver.node.NodeExpandVolume({ volumeId, volumePath: use.targetPath });
  expect(size()).toBe(20 * MiB);
  const stats = await driver.node.NodeGetVolumeStats({ volumeId, volumePath: use.targetPath });
  expect(stats.usage).toMatchObject([{ unit: 'BYTES', total: String(20 * MiB) }]);
  await expect(driver.controller.DeleteVolume({ volumeId })).rejects.toEqual(code('FAILED_PRECONDITION'));
  await expect(driver.node.NodeUnstageVolume({ volumeId, stagingTargetPath: use.stagingTargetPath })).rejects.toEqual(
    code('FAILED_PRECONDITION'),
  );
  const asFilesystem = {
    volumeId,
    stagingTargetPath: use.stagingTargetPath,
    volumeCapability: capabilityOf(fs('ext4')),
  };
  await expect(driver.node.NodeStageVolume(asFilesystem)).rejects.toEqual(code('FAILED_PRECONDITION'));
  await driver.node.NodeUnpublishVolume({ volumeId, targetPath: use.targetPath });
  expect(existsSync(use.targetPath)).toBe(false);
  const { stagingTargetPath, targetPath } = use;
  await driver.node.NodePublishVolume({
    volumeId,
    stagingTargetPath,
    targetPath,
    readonly: true,
    volumeCapability: capabilityOf(block),
  });
  expect(() => writeAt(targetPath, bytes, 0)).toThrow(code('EPERM'));
  await use.release(driver);
  expect(place.loops()).toEqual([]);
  await driver.controller.DeleteVolume({ volumeId });
  await driver[Symbol.asyncDispose]();
});

for (const [poolFs, by] of [
  ['xfs', 'reflink'],
  [undefined, 'copy'],
] as const) {
  test(`snapshots and clones of images on ${poolFs ?? 'ext4'} are by ${by}: whole, while the source is written, and as large as asked`, async () => {
    await using place = await imageFolder(poolFs);
    await using driver = await startDriverProcess(place.folder);
    const source = await createImage(driver, 'pvc-1', { access: fs('ext4') });
    const use = await useImage(driver, source, { folder: place.folder, access: fs('ext4') });
    const content = randomBytes(3 * MiB);
    writeFileSync(join(use.targetPath, 'content'), content);
    using noise = writer(join(use.targetPath, 'noise'));
    const { snapshot } = await driver.controller.CreateSnapshot({ name: 'snap', sourceVolumeId: source });
    const snapshotId = snapshot!.snapshotId;
    writeFileSync(join(use.targetPath, 'content'), 'later');
    const restored = await createImage(driver, 'pvc-2', {
      access: fs('ext4'),
      mib: 128,
      source: { snapshot: { snapshotId } },
    });
    const clone = await createImage(driver, 'pvc-3', { access: fs('ext4'), source: { volume: { volumeId: source } } });
    expect(driver.log()).toContain(by);
    const second = await useImage(driver, restored, { folder: place.folder, access: fs('ext4') });
    expect(readFileSync(join(second.targetPath, 'content')).equals(content)).toBe(true);
    expect(statfsSync(second.targetPath).blocks * statfsSync(second.targetPath).bsize).toBeGreaterThan(100 * MiB);
    const third = await useImage(driver, clone, { folder: place.folder, access: fs('ext4') });
    expect(readFileSync(join(third.targetPath, 'content'), 'utf8')).toBe('later');
    noise[Symbol.dispose]();
    for (const each of [use, second, third]) await each.release();
    for (const volumeId of [source, clone, restored]) {
      execFileSync('e2fsck', ['-fn', join(place.pool, 'images', volumeId)], { stdio: 'pipe' });
      await driver.controller.DeleteVolume({ volumeId });
    }
    await driver.controller.DeleteSnapshot({ snapshotId });
    expect(readdirSync(join(place.pool, 'image-snapshots'))).toEqual([]);
  });
}

for (const fsType of ['xfs', 'btrfs']) {
  test(`a clone of a ${fsType} image is mounted beside its source`, async () => {
    await using place = await imageFolder('xfs');
    await using driver = await startDriverProcess(place.folder);
    const access = fs(fsType);
    const source = await createImage(driver, 'pvc-1', { access, mib: 320 });
    const use = await useImage(driver, source, { folder: place.folder, access });
    writeFileSync(join(use.targetPath, 'file'), 'shared');
    const clone = await createImage(driver, 'pvc-2', { access, mib: 640, source: { volume: { volumeId: source } } });
    const second = await useImage(driver, clone, { folder: place.folder, access });
    writeFileSync(join(second.targetPath, 'file'), 'own');
    expect(readFileSync(join(use.targetPath, 'file'), 'utf8')).toBe('shared');
    expect(statfsSync(second.targetPath).blocks * statfsSync(second.targetPath).bsize).toBeGreaterThan(500 * MiB);
    await second.release();
    await use.release();
    for (const volumeId of [source, clone]) await driver.controller.DeleteVolume({ volumeId });
  });
}

test('a device with data is never formatted: other filesystems, partition tables, raw bytes', async () => {
  await using place = await imageFolder();
  await using driver = await startDriverProcess(place.folder);
  const stagingTargetPath = join(place.folder, 'stage');
  mkdirSync(stagingTargetPath);
  const fills: Record<string, (image: string) => void> = {
    xfs: (image) => void execFileSync('mkfs.xfs', ['-q', image]),
    swap: (image) => void execFileSync('mkswap', [image], { stdio: 'pipe' }),
    'partition table': (image) => writeAt(image, masterBootRecord(), 0),
    'no filesystem': (image) => writeAt(image, Buffer.from('precious'), 70_000),
    // Where blkid does not look, and behind a beginning of zeros.
    'data that is no filesystem': (image) => {
      writeAt(image, Buffer.alloc(MiB), 0);
      writeAt(image, Buffer.from('precious'), 20 * MiB);
    },
  };
  for (const [what, fill] of Object.entries(fills)) {
    const volumeId = await createImage(driver, what, { access: fs('ext4'), mib: what === 'xfs' ? 320 : 32 });
    const image = join(place.pool, 'images', volumeId);
    fill(image);
    const before = readFileSync(image);
    const staging = driver.node.NodeStageVolume({
      volumeId,
      stagingTargetPath,
      volumeCapability: capabilityOf(fs('ext4')),
    });
    await expect(staging).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringContaining(what),
    });
    expect(readFileSync(image).equals(before)).toBe(true);
    await expect.poll(place.loops).toEqual([]);
    await driver.controller.DeleteVolume({ volumeId });
  }
});

test('a reserved image has its room from the beginning, and one without room is RESOURCE_EXHAUSTED and gone', async () => {
  await using place = await imageFolder('xfs', 512);
  await using driver = await startDriverProcess(place.folder);
  const reserved = { provisioning: 'reserved' };
  const volumeId = await createImage(driver, 'pvc-1', { access: block, mib: 200, parameters: reserved });
  expect(statSync(join(place.pool, 'images', volumeId)).blocks * 512).toBeGreaterThanOrEqual(200 * MiB);
  const first = createImage(driver, 'pvc-2', { access: block, mib: 230, parameters: reserved });
  await expect(first).rejects.toEqual(code('RESOURCE_EXHAUSTED'));
  const clone = createImage(driver, 'pvc-3', {
    access: block,
    mib: 230,
    parameters: reserved,
    source: { volume: { volumeId } },
  });
  await expect(clone).rejects.toEqual(code('RESOURCE_EXHAUSTED'));
  expect(readdirSync(join(place.pool, 'images'))).toEqual([volumeId]);
  expect((await driver.controller.ListVolumes({})).entries).toHaveLength(1);
});

const refused: Record<string, [parameters: Record<string, string>, access: Access, code: string]> = {
  'an unknown backend': [{ backend: 'zfs' }, fs('ext4'), 'INVALID_ARGUMENT'],
  'an unknown parameter': [{ size: '1' }, fs('ext4'), 'INVALID_ARGUMENT'],
  'another provisioning': [{ provisioning: 'thick' }, fs('ext4'), 'INVALID_ARGUMENT'],
  'a mkfs option that is not allowed': [{ mkfsOptions: '-F' }, fs('ext4'), 'INVALID_ARGUMENT'],
  'a mkfs option that would be a path': [{ mkfsOptions: '-L /etc/passwd' }, fs('ext4'), 'INVALID_ARGUMENT'],
  'a filesystem that is not allowed': [{}, fs('ext4 -F /dev/sda'), 'INVALID_ARGUMENT'],
  'a filesystem as a path': [{}, fs('../../bin/sh'), 'INVALID_ARGUMENT'],
  'a mount flag that is not allowed': [
    {},
    { mount: { fsType: 'ext4', mountFlags: ['errors=panic'] } },
    'INVALID_ARGUMENT',
  ],
  'a flag of another filesystem': [{}, { mount: { fsType: 'ext4', mountFlags: ['logbsize=32k'] } }, 'INVALID_ARGUMENT'],
  'a block volume of directories': [{ backend: 'directory' }, block, 'INVALID_ARGUMENT'],
};

test('what an image cannot be is refused before anything is made', async () => {
  await using place = await imageFolder();
  await using driver = await startDriverProcess(place.folder);
  for (const [what, [parameters, access, expected]] of Object.entries(refused)) {
    await expect(createImage(driver, 'pvc', { access, parameters }), what).rejects.toEqual(code(expected));
  }
  await expect(
    createImage(driver, 'pvc', { access: fs('ext4'), parameters: { backend: 'zfs' } }),
  ).rejects.toMatchObject({
    message: expect.stringContaining('directory, image'),
  });
  expect(readdirSync(join(place.pool, 'images'))).toEqual([]);
});

test('kill -9 at some moments of a life leaves no volume, mount, loop device or file that a start and a delete do not end', async () => {
  await using place = await imageFolder('xfs');
  // csi-failpoints.test.ts has each side effect; here nobody knows what was under way, and what is left adds up.
  for (let round = 0; round < 7; round++) {
    const driver = await startDriverProcess(place.folder);
    const life = liveThrough(driver, place.folder, round).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, round * 35));
    await driver.kill();
    await life;
  }
  await using driver = await startDriverProcess(place.folder);
  const { entries: snapshots } = await driver.controller.ListSnapshots({});
  for (const { snapshot } of snapshots) await driver.controller.DeleteSnapshot({ snapshotId: snapshot!.snapshotId });
  const { entries } = await driver.controller.ListVolumes({});
  for (const { volume } of entries) {
    const { volumeId } = volume!;
    for (const { mountPoint } of place.mounts().filter((mount) => mount.mountPoint !== place.pool)) {
      const of = mountPoint.includes(volumeId);
      if (of && mountPoint.includes('target-'))
        await driver.node.NodeUnpublishVolume({ volumeId, targetPath: mountPoint });
    }
    await driver.node.NodeUnstageVolume({ volumeId, stagingTargetPath: join(place.folder, `stage-${volumeId}`) });
    await driver.controller.DeleteVolume({ volumeId });
  }
  expect(place.mounts().map(({ mountPoint }) => mountPoint)).toEqual([place.pool]);
  await expect.poll(place.loops).toEqual([]);
  for (const folder of ['images', 'image-snapshots', 'volumes', 'snapshots'])
    expect(readdirSync(join(place.pool, folder))).toEqual([]);
  await expect.poll(() => readdirSync(join(place.pool, 'trash'))).toEqual([]);
});

type Driver = Awaited<ReturnType<typeof startDriverProcess>>;

async function liveThrough(driver: Driver, folder: string, round: number): Promise<void> {
  const access = round % 3 === 0 ? block : fs(round % 3 === 1 ? 'ext4' : 'xfs');
  const volumeId = await createImage(driver, `pvc-${round}`, { access, mib: 320 });
  const use = await useImage(driver, volumeId, { folder, access });
  await driver.controller.CreateSnapshot({ name: `snap-${round}`, sourceVolumeId: volumeId });
  await createImage(driver, `clone-${round}`, { access, mib: 320, source: { volume: { volumeId } } });
  await driver.controller.ControllerExpandVolume({ volumeId, capacityRange: range(400) });
  if (round % 3 !== 1) await driver.node.NodeExpandVolume({ volumeId, volumePath: use.targetPath });
  await use.release();
  await driver.controller.DeleteVolume({ volumeId });
}

test('a volume is staged again at once, while the kernel still lets go of its device', async () => {
  await using place = await imageFolder();
  await using driver = await startDriverProcess(place.folder);
  const volumeId = await createImage(driver, 'pvc-1', { access: fs('ext4'), mib: 16 });
  for (let round = 0; round < 40; round++) {
    const use = await useImage(driver, volumeId, { folder: place.folder, access: fs('ext4') });
    await use.release();
  }
});

test('staging waits for who still holds a device that is about to go, and names it when that takes long', async () => {
  await using place = await imageFolder();
  await using driver = await startDriverProcess(place.folder);
  const volumeId = await createImage(driver, 'pvc-1', { access: fs('ext4'), mib: 16 });
  const stage = () => useImage(driver, volumeId, { folder: place.folder, access: fs('ext4') });
  let use = await stage();
  const [device] = place.loops();
  const holder = openSync(loopPath(device!.number), 'r');
  await use.release();
  const refused = stage();
  await expect(refused).rejects.toMatchObject({ code: 'ABORTED', message: expect.stringContaining('still works on') });
  const staging = stage();
  closeSync(holder);
  use = await staging;
  await use.release();
  await expect.poll(place.loops).toEqual([]);
});

test('an image that is being copied is not staged before that has ended', async () => {
  await using place = await imageFolder();
  await using driver = await startDriverProcess(place.folder);
  const source = await createImage(driver, 'pvc-1', { access: block, mib: 512 });
  execFileSync(
    'dd',
    ['if=/dev/zero', `of=${join(place.pool, 'images', source)}`, 'bs=4M', 'count=128', 'conv=notrunc'],
    { stdio: 'pipe' },
  );
  const copying = driver.controller.CreateSnapshot({ name: 'snap', sourceVolumeId: source });
  await expect.poll(() => readdirSync(join(place.pool, 'image-snapshots')), { interval: 5 }).toHaveLength(1);
  const stagingTargetPath = join(place.folder, 'stage');
  mkdirSync(stagingTargetPath);
  const stage = (access: Access = block) =>
    driver.node.NodeStageVolume({ volumeId: source, stagingTargetPath, volumeCapability: capabilityOf(access) });
  await expect(stage()).rejects.toEqual(code('ABORTED'));
  await copying;
  await stage(fs('ext4'));
  await stage(fs('ext4'));
  // Staged as something else than is asked for now (CSI spec, NodeStageVolume's errors).
  await expect(stage(fs('btrfs'))).rejects.toEqual(code('ALREADY_EXISTS'));
  await driver.node.NodeUnstageVolume({ volumeId: source, stagingTargetPath });
});

test('a filesystem that a crash left frozen is thawed by the next start', async () => {
  await using place = await imageFolder();
  const first = await startDriverProcess(place.folder);
  const volumeId = await createImage(first, 'pvc-1', { access: fs('ext4') });
  const use = await useImage(first, volumeId, { folder: place.folder, access: fs('ext4') });
  await first.kill();
  {
    using handle = openRoot(use.targetPath);
    using root = reopen(handle);
    await freezeFilesystem(root);
  }
  await using second = await startDriverProcess(place.folder);
  expect(second.log()).toContain('thawed');
  writeFileSync(join(use.targetPath, 'file'), 'x');
  await use.release(second);
});

test('32 volumes made, staged, snapshotted and removed at once do not meet, and 32 calls of one name make one volume', async () => {
  await using place = await imageFolder('xfs');
  await using driver = await startDriverProcess(place.folder);
  const lives = Array.from({ length: 32 }, async (_, i) => {
    const access = i % 2 === 0 ? block : fs('ext4');
    const volumeId = await createImage(driver, `pvc-${i}`, { access, mib: 16 });
    const use = await useImage(driver, volumeId, { folder: place.folder, access });
    if (i % 2 === 1) writeFileSync(join(use.targetPath, 'own'), String(i));
    const { snapshot } = await driver.controller.CreateSnapshot({ name: `snap-${i}`, sourceVolumeId: volumeId });
    if (i % 2 === 1) expect(readFileSync(join(use.targetPath, 'own'), 'utf8')).toBe(String(i));
    await use.release();
    await driver.controller.DeleteVolume({ volumeId });
    await driver.controller.DeleteSnapshot({ snapshotId: snapshot!.snapshotId });
  });
  await Promise.all(lives);
  const same = Array.from({ length: 32 }, () => createImage(driver, 'one', { access: block, mib: 16 }));
  const results = await Promise.allSettled(same);
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []));
  expect(new Set([...failures, 'ABORTED'])).toEqual(new Set(['ABORTED']));
  expect(readdirSync(join(place.pool, 'images'))).toHaveLength(1);
  await expect.poll(place.loops).toEqual([]);
});

test('a mkfs that was killed is begun again, and a filesystem that was not unmounted is checked', async () => {
  await using place = await imageFolder();
  await using driver = await startDriverProcess(place.folder);
  const volumeId = await createImage(driver, 'pvc-1', { access: fs('ext4') });
  const image = join(place.pool, 'images', volumeId);
  writeAt(image, randomBytes(100_000), 0);
  putXattr(image, 'trusted.berth.formatting', Buffer.from('1'));
  const use = await useImage(driver, volumeId, { folder: place.folder, access: fs('ext4') });
  writeFileSync(join(use.targetPath, 'file'), 'x');
  await use.release();
  // Says of itself that it was in use: the state bit of a filesystem that a power cut met.
  execFileSync('debugfs', ['-w', '-R', 'ssv state 0', image], { stdio: 'pipe' });
  await useImage(driver, volumeId, { folder: place.folder, access: fs('ext4') });
  expect(readFileSync(join(use.targetPath, 'file'), 'utf8')).toBe('x');
  expect(linuxMounter.mounts().find(({ mountPoint }) => mountPoint === use.targetPath)?.fsType).toBe('ext4');
  await use.release();
});

/** The kernel asks for CAP_SYS_RESOURCE (bit 24) before it grows a mounted ext4. */
function mayGrowMountedExt4(): boolean {
  const effective = /CapEff:\s*([0-9a-f]+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> 24n) & 1n) === 1n;
}

/** One Linux partition, as fdisk would write it. */
function masterBootRecord(): Buffer {
  const record = Buffer.alloc(512);
  record.writeUInt8(0x83, 446 + 4);
  record.writeUInt32LE(2048, 446 + 8);
  record.writeUInt32LE(8192, 446 + 12);
  record.writeUInt16LE(0xaa55, 510);
  return record;
}

function writeAt(path: string, bytes: Buffer, position: number): void {
  const fd = openSync(path, 'r+');
  try {
    writeSync(fd, bytes, 0, bytes.length, position);
  } finally {
    closeSync(fd);
  }
}

function readAt(path: string, length: number, position: number): Buffer {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(length);
    readSync(fd, bytes, 0, length, position);
    return bytes;
  } finally {
    closeSync(fd);
  }
}

/** Overwrites a file again and again until disposed, as a workload that does not know of the snapshot. */
function writer(path: string): Disposable {
  let stopped = false;
  let round = 0;
  const step = () => {
    if (stopped) return;
    writeFileSync(path, Buffer.alloc(200_000, round++ % 256));
    setTimeout(step, 2);
  };
  step();
  return {
    [Symbol.dispose]: () => {
      stopped = true;
    },
  };
}
