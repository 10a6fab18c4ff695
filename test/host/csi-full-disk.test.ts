import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type InProcessDriver, startInProcess } from '../harness/in-process-driver.ts';
import { lifePlace } from '../harness/life-place.ts';
import { fillDisk } from '../harness/small-disk.ts';
import { watchSystemCalls } from '../harness/system-calls.ts';

const MiB = 1024 ** 2;
const code = (name: string) => expect.objectContaining({ code: name });
const capability = (access: object) => ({ ...access, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } });
const mounted = capability({ mount: {} });

async function create({ controller }: InProcessDriver, name: string, parameters: Record<string, string>) {
  const { volume } = await controller.CreateVolume({
    name,
    volumeCapabilities: [mounted],
    capacityRange: { requiredBytes: String(64 * MiB), limitBytes: '0' },
    parameters,
  });
  return volume!.volumeId;
}

async function use({ node }: InProcessDriver, volumeId: string, folder: string) {
  const paths = {
    stagingTargetPath: join(folder, `stage-${volumeId}`),
    targetPath: join(folder, `target-${volumeId}`),
  };
  for (const path of Object.values(paths)) mkdirSync(path, { recursive: true });
  await node.NodeStageVolume({ volumeId, stagingTargetPath: paths.stagingTargetPath, volumeCapability: mounted });
  await node.NodePublishVolume({ volumeId, ...paths, volumeCapability: mounted });
  return paths;
}

async function release({ node }: InProcessDriver, volumeId: string, paths: Awaited<ReturnType<typeof use>>) {
  await node.NodeUnpublishVolume({ volumeId, targetPath: paths.targetPath });
  await node.NodeUnstageVolume({ volumeId, stagingTargetPath: paths.stagingTargetPath });
}

/** Whether the workload was told that its bytes are not on the disk. */
function writeThrough(path: string, bytes: number): boolean {
  const file = openSync(path, 'w');
  try {
    for (let at = 0; at < bytes; at += MiB) writeSync(file, Buffer.alloc(MiB, 1));
    fsyncSync(file);
    return true;
  } catch {
    return false;
  } finally {
    closeSync(file);
  }
}

test('a pool that runs full under a thin image fails its writer alone; the other volumes keep their bytes, and room heals it', async () => {
  using place = await lifePlace('xfs', 512);
  await using driver = await startInProcess({ ...place, log: () => undefined });
  const [thin, reserved] = [
    await create(driver, 'thin', { backend: 'image' }),
    await create(driver, 'reserved', { backend: 'image', provisioning: 'reserved' }),
  ];
  const [ofThin, ofReserved] = [await use(driver, thin, place.folder), await use(driver, reserved, place.folder)];
  writeFileSync(join(ofReserved.targetPath, 'before'), 'kept');
  {
    using _full = fillDisk(place.pool);
    expect(writeThrough(join(ofThin.targetPath, 'lost'), 32 * MiB)).toBe(false);
    // Its room is its own.
    expect(writeThrough(join(ofReserved.targetPath, 'own'), 20 * MiB)).toBe(true);
    await expect(create(driver, 'more', { backend: 'image' })).rejects.toEqual(code('RESOURCE_EXHAUSTED'));
    await expect(driver.controller.CreateSnapshot({ name: 'snap', sourceVolumeId: reserved })).rejects.toEqual(
      code('RESOURCE_EXHAUSTED'),
    );
    // What gives room back works on a full disk too.
    await release(driver, thin, ofThin);
    await driver.controller.DeleteVolume({ volumeId: thin });
  }
  expect(readFileSync(join(ofReserved.targetPath, 'before'), 'utf8')).toBe('kept');
  // xfs gives the room of a removed file back a little later.
  await expect
    .poll(() => create(driver, 'more', { backend: 'image' }).catch((error: { code: string }) => error.code))
    .toMatch(/-/);
  const again = await create(driver, 'more', { backend: 'image' });
  const ofAgain = await use(driver, again, place.folder);
  expect(writeThrough(join(ofAgain.targetPath, 'fine'), 8 * MiB)).toBe(true);
  await release(driver, again, ofAgain);
  await release(driver, reserved, ofReserved);
  for (const volumeId of [again, reserved]) await driver.controller.DeleteVolume({ volumeId });
  expect((await driver.controller.ListVolumes({})).entries).toEqual([]);
  expect(place.mounts()).toEqual([]);
});

test('a full disk stops neither unpublish nor delete of directories, and a start on it is not the end of the driver', async () => {
  using place = await lifePlace('xfs', 400);
  let driver = await startInProcess({ ...place, log: () => undefined });
  const volumes = [await create(driver, 'one', {}), await create(driver, 'two', {})] as const;
  const paths = [await use(driver, volumes[0], place.folder), await use(driver, volumes[1], place.folder)] as const;
  writeFileSync(join(paths[1].targetPath, 'file'), 'kept');
  {
    using _full = fillDisk(place.pool);
    await expect(create(driver, 'three', {})).rejects.toEqual(code('RESOURCE_EXHAUSTED'));
    await release(driver, volumes[0], paths[0]);
    await driver.controller.DeleteVolume({ volumeId: volumes[0] });
    await driver[Symbol.asyncDispose]();
    driver = await startInProcess({ ...place, log: () => undefined });
    expect((await driver.controller.ListVolumes({})).entries).toHaveLength(1);
    expect(readFileSync(join(paths[1].targetPath, 'file'), 'utf8')).toBe('kept');
  }
  await expect.poll(() => create(driver, 'three', {}).catch((error: { code: string }) => error.code)).toMatch(/-/);
  const third = await create(driver, 'three', {});
  await release(driver, volumes[1], paths[1]);
  for (const volumeId of [volumes[1], third]) await driver.controller.DeleteVolume({ volumeId });
  await expect.poll(() => readdirSync(join(place.pool, 'trash'))).toEqual([]);
  await driver[Symbol.asyncDispose]();
});

/** What changes a filesystem, and so fails on one that the kernel has made read-only; what is mounted is not of it. */
const changesPool =
  /^(mkdirat|renameat|unlinkat|lsetxattr|setxattr|fallocate|ftruncate|sqlite COMMIT|fchmodat|openat|writeSync|ioctl fi)/;

test('a pool that turns read-only refuses what would change it, lets go of what is mounted, and goes on when it is writable again', async () => {
  using place = await lifePlace('xfs', 400);
  let readOnly = false;
  using _disk = watchSystemCalls(({ name, changes }) =>
    readOnly && changes && changesPool.test(name) ? { at: 'errno', errno: 'EROFS' } : undefined,
  );
  await using driver = await startInProcess({ ...place, log: () => undefined });
  const volumeId = await create(driver, 'one', {});
  const second = await create(driver, 'two', {});
  const paths = await use(driver, volumeId, place.folder);
  writeFileSync(join(paths.targetPath, 'file'), 'kept');
  readOnly = true;
  const refused = [
    () => create(driver, 'three', {}),
    () => create(driver, 'image', { backend: 'image' }),
    () => driver.controller.DeleteVolume({ volumeId: second }),
    () => driver.controller.CreateSnapshot({ name: 'snap', sourceVolumeId: volumeId }),
    () =>
      driver.controller.ControllerExpandVolume({
        volumeId,
        capacityRange: { requiredBytes: String(128 * MiB), limitBytes: '0' },
      }),
  ];
  for (const call of refused) await expect(call(), String(call)).rejects.toEqual(code('FAILED_PRECONDITION'));
  expect((await driver.controller.ListVolumes({})).entries).toHaveLength(2);
  const again = await use(driver, second, place.folder).catch((error: { code: string }) => error.code);
  expect(again).toEqual({ stagingTargetPath: expect.any(String), targetPath: expect.any(String) });
  await release(driver, second, again as typeof paths);
  await release(driver, volumeId, paths);
  expect(place.mounts()).toEqual([]);
  readOnly = false;
  for (const call of refused) await call();
  const kept = await use(driver, volumeId, place.folder);
  expect(readFileSync(join(kept.targetPath, 'file'), 'utf8')).toBe('kept');
  await release(driver, volumeId, kept);
});
