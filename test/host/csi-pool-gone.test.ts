import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linuxMounter } from '@berth/linux';
import { expect, test } from 'vitest';
import { type DriverProcess, driverFolder, startDriverProcess } from '../harness/driver-process.ts';
import { capabilityOf } from '../harness/image-driver.ts';
import { mountPool, mountPoolAgain } from '../harness/mount-pool.ts';

const MiB = 1024 ** 2;
const volumeCapability = capabilityOf({ mount: {} });
const unavailable = expect.objectContaining({ code: 'UNAVAILABLE', message: expect.stringContaining('pool "disk"') });

async function create({ controller }: DriverProcess, name: string, parameters: Record<string, string>) {
  const capacityRange = { requiredBytes: String(16 * MiB), limitBytes: '0' };
  const volumeCapabilities = [volumeCapability];
  return (await controller.CreateVolume({ name, volumeCapabilities, capacityRange, parameters })).volume!.volumeId;
}

async function use({ node }: DriverProcess, volumeId: string, folder: string) {
  const paths = { stagingTargetPath: join(folder, `stage-${volumeId}`), targetPath: join(folder, `pod-${volumeId}`) };
  mkdirSync(paths.stagingTargetPath, { recursive: true });
  const { stagingTargetPath } = paths;
  await node.NodeStageVolume({ volumeId, stagingTargetPath, volumeCapability });
  await node.NodePublishVolume({ volumeId, ...paths, volumeCapability });
  return paths;
}

async function release({ node }: DriverProcess, volumeId: string, paths: Awaited<ReturnType<typeof use>>) {
  await node.NodeUnpublishVolume({ volumeId, targetPath: paths.targetPath });
  await node.NodeUnstageVolume({ volumeId, stagingTargetPath: paths.stagingTargetPath });
}

async function health({ controller }: DriverProcess, volumeId: string): Promise<string[]> {
  const { volumeHealth } = await controller.ControllerGetVolumeHealth({ volumeId });
  return volumeHealth!.healthStatuses.map(({ status, reason }) => `${status} ${reason}`);
}

/** Every call that needs the data of a volume whose pool is gone. */
async function expectUnavailable(driver: DriverProcess, volumeId: string, folder: string): Promise<void> {
  const { controller } = driver;
  const capacityRange = { requiredBytes: String(32 * MiB), limitBytes: '0' };
  await expect(create(driver, 'new', { pool: 'disk' })).rejects.toEqual(unavailable);
  await expect(use(driver, volumeId, folder)).rejects.toEqual(unavailable);
  await expect(controller.DeleteVolume({ volumeId })).rejects.toEqual(unavailable);
  await expect(controller.CreateSnapshot({ name: 's', sourceVolumeId: volumeId })).rejects.toEqual(unavailable);
  await expect(controller.ControllerExpandVolume({ volumeId, capacityRange })).rejects.toEqual(unavailable);
  const { availableCapacity } = await controller.GetCapacity({ parameters: { pool: 'disk' } });
  expect(availableCapacity).toBe('0');
  const { entries } = await controller.ListVolumes({});
  expect(entries.map(({ volume }) => volume?.volumeId)).toContain(volumeId);
}

for (const backend of ['directory', 'image']) {
  test(`${backend}: a volume whose disk is gone is UNAVAILABLE and can be unmounted, others go on, and it is back with its disk`, async () => {
    using place = driverFolder();
    const disk = join(place.folder, 'disk');
    await mountPool(place.folder, { pool: disk, poolFs: 'xfs', poolMiB: 1024 });
    const pools = ['--pool', `main=${join(place.folder, 'main')}`, '--pool', `disk=${disk}`];
    let driver = await startDriverProcess(place.folder, pools);
    await using _driver = { [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
    const away = await create(driver, 'away', { backend, pool: 'disk' });
    const idle = await create(driver, 'idle', { backend, pool: 'disk' });
    const other = await create(driver, 'other', { backend, pool: 'main' });
    const [paths, otherPaths] = [await use(driver, away, place.folder), await use(driver, other, place.folder)];
    writeFileSync(join(paths.targetPath, 'kept'), 'data');
    expect(await health(driver, away)).toEqual([]);

    // Unmounted and mounted again, it goes on: the driver held the filesystem all the while.
    const { source } = linuxMounter.mounts().find(({ mountPoint }) => mountPoint === disk)!;
    linuxMounter.unmount(disk, { lazy: true });
    linuxMounter.mount({ fsType: 'xfs', source, target: disk, options: ['noatime'] });
    const idlePaths = await use(driver, idle, place.folder);
    expect(await use(driver, idle, place.folder)).toEqual(idlePaths);
    await release(driver, idle, idlePaths);
    execFileSync('mount', ['-o', 'remount,bind,ro', disk]);
    expect(await health(driver, idle)).toEqual(['DEGRADED PoolReadOnly']);
    const readOnly = { code: 'RESOURCE_EXHAUSTED', message: expect.stringMatching(/pool "disk".*mounted read-only/) };
    await expect(create(driver, 'new', { backend, pool: 'disk' })).rejects.toMatchObject(readOnly);
    const snapshot = driver.controller.CreateSnapshot({ name: 's', sourceVolumeId: idle });
    await expect(snapshot).rejects.toMatchObject(readOnly);
    const { availableCapacity } = await driver.controller.GetCapacity({ parameters: { backend, pool: 'disk' } });
    expect(availableCapacity).toBe('0');
    execFileSync('mount', ['-o', 'remount,bind,rw', disk]);
    expect(await health(driver, idle)).toEqual([]);

    linuxMounter.unmount(disk, { lazy: true });
    expect(await health(driver, away)).toEqual(['INACCESSIBLE PoolUnavailable']);
    expect((await driver.controller.ControllerListVolumeHealth({})).entries.map(({ volumeId }) => volumeId)).toEqual([
      away,
      idle,
    ]);
    await expectUnavailable(driver, idle, place.folder);
    await expect(create(driver, 'new', { pool: 'disk' })).rejects.toThrow(/mount its disk at .* again/);
    const elsewhere = await create(driver, 'elsewhere', { backend });
    expect(await health(driver, elsewhere)).toEqual([]);
    expect(await health(driver, other)).toEqual([]);

    // It starts all the same, and puts nothing where the disk should be.
    await driver.kill();
    driver = await startDriverProcess(place.folder, pools);
    expect(driver.log()).toMatch(/pool is not there.*disk/);
    expect(driver.log()).not.toMatch(/missing from the pool|undoing/);
    expect(readdirSync(disk).filter((name) => name !== 'lock')).toEqual([]);
    expect(await health(driver, away)).toEqual(['INACCESSIBLE PoolMissing']);
    await expectUnavailable(driver, idle, place.folder);
    await release(driver, away, paths);
    expect(existsSync(paths.targetPath)).toBe(false);
    await release(driver, other, otherPaths);
    await driver[Symbol.asyncDispose]();
    expect(place.mounts().filter(({ mountPoint }) => mountPoint.includes(away))).toEqual([]);

    // The kernel lets it go a moment later.
    const mounted = () =>
      mountPoolAgain(place.folder, { pool: disk, poolFs: 'xfs' }).then(
        () => true,
        () => false,
      );
    await expect.poll(mounted).toBe(true);
    driver = await startDriverProcess(place.folder, pools);
    const again = await use(driver, away, place.folder);
    expect(readFileSync(join(again.targetPath, 'kept'), 'utf8')).toBe('data');
    expect(await health(driver, away)).toEqual([]);
    await release(driver, away, again);
    for (const volumeId of [away, idle]) await driver.controller.DeleteVolume({ volumeId });
  });
}
