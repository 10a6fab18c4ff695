import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linuxMounter } from '@berth/linux';
import { expect, test } from 'vitest';
import { type DriverProcess, driverFolder, startDriverProcess } from '../harness/driver-process.ts';
import { createImage, imageFolder, useImage } from '../harness/image-driver.ts';
import { fillDisk, mountSmallDisk } from '../harness/small-disk.ts';

const MiB = 1024 ** 2;

interface Paths {
  readonly stagingTargetPath: string;
  readonly targetPath: string;
}

async function onNode({ node }: DriverProcess, volumeId: string, paths?: Paths): Promise<string[]> {
  const { stagingTargetPath = '', targetPath: volumePublishPath = '' } = paths ?? {};
  const { volumeHealth } = await node.NodeGetVolumeHealth({ volumeId, stagingTargetPath, volumePublishPath });
  return volumeHealth!.healthStatuses.map(({ status, reason }) => `${status} ${reason}`);
}

async function atController({ controller }: DriverProcess, volumeId: string): Promise<string[]> {
  const { volumeHealth } = await controller.ControllerGetVolumeHealth({ volumeId });
  return volumeHealth!.healthStatuses.map(({ status, reason }) => `${status} ${reason}`);
}

async function listed({ controller }: DriverProcess): Promise<string[]> {
  return (await controller.ControllerListVolumeHealth({})).entries.map(({ volumeId }) => volumeId);
}

function loopOf(mountPoint: string): string {
  const mount = linuxMounter.mounts().findLast((one) => one.mountPoint === mountPoint);
  return mount!.source.replace('/dev/', '');
}

test('an image cut short or removed is DATA_LOSS, also while it is mounted; its neighbours are healthy', async () => {
  await using place = await imageFolder();
  await using driver = await startDriverProcess(place.folder);
  const access = { mount: { fsType: 'ext4' } };
  const [cut, gone, fine] = [
    await createImage(driver, 'cut', { access: { block: {} } }),
    await createImage(driver, 'gone', { access }),
    await createImage(driver, 'fine', { access }),
  ];
  const use = await useImage(driver, gone, { folder: place.folder, access });
  expect(await listed(driver)).toEqual([]);
  truncateSync(join(place.pool, 'images', cut), 8 * MiB);
  rmSync(join(place.pool, 'images', gone));
  expect(await atController(driver, cut)).toEqual(['DATA_LOSS ImageTruncated']);
  expect(await atController(driver, gone)).toEqual(['DATA_LOSS DataMissing']);
  expect(await onNode(driver, gone, use)).toEqual(['DATA_LOSS DataMissing']);
  expect(await atController(driver, fine)).toEqual([]);
  expect(await listed(driver)).toEqual([cut, gone]);
  await use.release();
});

test('errors that an ext4 finds in itself are told while it is mounted, after it was unmounted, and end with its check', async () => {
  await using place = await imageFolder();
  await using driver = await startDriverProcess(place.folder);
  const access = { mount: { fsType: 'ext4', mountFlags: ['errors=remount-ro'] } };
  const volumeId = await createImage(driver, 'pvc', { access });
  let use = await useImage(driver, volumeId, { folder: place.folder, access });
  expect(await onNode(driver, volumeId, use)).toEqual([]);
  writeFileSync(`/sys/fs/ext4/${loopOf(use.targetPath)}/trigger_fs_error`, 'a test');
  const mounted = await onNode(driver, volumeId, use);
  expect(mounted).toEqual(['DEGRADED FilesystemErrors', 'DEGRADED FilesystemReadOnly']);
  expect(await atController(driver, volumeId)).toEqual(mounted);
  expect(await listed(driver)).toEqual([volumeId]);
  await use.release();
  expect(await atController(driver, volumeId)).toEqual(['DEGRADED FilesystemErrors']);
  use = await useImage(driver, volumeId, { folder: place.folder, access });
  expect(await onNode(driver, volumeId, use)).toEqual([]);
  await use.release();
  expect(await listed(driver)).toEqual([]);
});

test('a filesystem that was shut down is told, and others go on', async () => {
  await using place = await imageFolder();
  await using driver = await startDriverProcess(place.folder);
  const access = { mount: { fsType: 'xfs' } };
  const volumeId = await createImage(driver, 'pvc', { access, mib: 320 });
  const other = await createImage(driver, 'other', { access, mib: 320 });
  const use = await useImage(driver, volumeId, { folder: place.folder, access });
  const second = await useImage(driver, other, { folder: place.folder, access });
  execFileSync('xfs_io', ['-x', '-c', 'shutdown', use.targetPath]);
  expect((await onNode(driver, volumeId, use)).length).toBeGreaterThan(0);
  expect(await listed(driver)).toEqual([volumeId]);
  expect(await onNode(driver, other, second)).toEqual([]);
  // Such a mount is neither nothing nor another volume's.
  const stats = driver.node.NodeGetVolumeStats({ volumeId, volumePath: use.targetPath });
  await expect(stats).rejects.toMatchObject({ code: 'INTERNAL', message: expect.stringContaining('errors only') });
  const snapshot = driver.controller.CreateSnapshot({ name: 's', sourceVolumeId: volumeId });
  await expect(snapshot).rejects.toMatchObject({ code: 'INTERNAL', message: expect.stringContaining('errors only') });
  await use.release();
  await second.release();
});

test('a pool that is nearly full is told by the node, and is not when there is room again', async () => {
  using place = driverFolder();
  const pool = join(place.folder, 'pool');
  mountSmallDisk(pool, '16m');
  await using driver = await startDriverProcess(place.folder);
  const reasons = async () => {
    const { backendHealth } = await driver.node.NodeGetStorageHealth({});
    return backendHealth.map(({ status, reason }) => `${status} ${reason}`);
  };
  expect(await reasons()).toEqual([]);
  {
    using _full = fillDisk(pool);
    expect(await reasons()).toContain('STORAGE_DEGRADED PoolNearlyFull');
  }
  expect(await reasons()).toEqual([]);
  expect(readdirSync(pool).length).toBeGreaterThan(2);
  linuxMounter.unmount(pool, { lazy: true });
  expect(statSync(pool).isDirectory()).toBe(true);
  expect(await reasons()).toEqual(['STORAGE_UNREACHABLE PoolUnavailable']);
});
