import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@berth/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DriverProcess, driverFolder, startDriverProcess } from '../harness/driver-process.ts';
import { Ganesha } from '../harness/ganesha.ts';

let server: Ganesha;

beforeAll(async () => {
  server = await Ganesha.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

const volumeCapability = {
  mount: { fsType: '', mountFlags: [], volumeMountGroup: '' },
  accessMode: { mode: 'MULTI_NODE_MULTI_WRITER' as const },
};

interface Placed {
  readonly volumeId: string;
  readonly volumeContext: Readonly<Record<string, string>>;
  readonly stagingTargetPath: string;
  readonly targetPath: string;
}

async function create(driver: DriverProcess, folder: string): Promise<Placed> {
  const parameters = { backend: 'nfs', server: server.host, share: server.export };
  const request = { name: 'pvc-1', parameters, volumeCapabilities: [volumeCapability] };
  const { volume } = await driver.controller.CreateVolume(request);
  const { volumeId = '', volumeContext = {} } = volume ?? {};
  mkdirSync(join(folder, 'staging'), { recursive: true });
  return {
    volumeId,
    volumeContext,
    stagingTargetPath: join(folder, 'staging'),
    targetPath: join(folder, 'target'),
  };
}

async function show(driver: DriverProcess, placed: Placed): Promise<void> {
  await driver.node.NodeStageVolume({ ...placed, volumeCapability });
  await driver.node.NodePublishVolume({ ...placed, volumeCapability });
}

async function hide(driver: DriverProcess, { volumeId, stagingTargetPath, targetPath }: Placed): Promise<void> {
  await driver.node.NodeUnpublishVolume({ volumeId, targetPath });
  await driver.node.NodeUnstageVolume({ volumeId, stagingTargetPath });
}

/** Processes that serve mounts of drivers in this folder. */
function serving(folder: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return command.includes('nfs-mount') && command.some((argument) => argument.startsWith(`${folder}/`));
      } catch {
        return false;
      }
    });
}

function isDisconnected(path: string): boolean {
  try {
    statSync(join(path, 'kept'));
    return false;
  } catch (error) {
    return (error as { code?: string }).code === 'ENOTCONN';
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 1000) throw new Error(`still not so: ${condition}`);
    await systemClock.sleep(20);
  }
}

test('a volume on a server is used through FUSE, outlives a driver that is killed, and leaves nothing', async () => {
  using place = driverFolder();
  const first = await startDriverProcess(place.folder);
  const placed = await create(first, place.folder);
  await show(first, placed);
  const file = join(placed.targetPath, 'file');
  writeFileSync(file, 'before');
  expect(readFileSync(join(server.root, placed.volumeContext['subDir'] ?? '', 'file'), 'utf8')).toBe('before');
  await first.kill();
  writeFileSync(file, 'while the driver is away');

  await using driver = await startDriverProcess(place.folder);
  const [pid] = serving(place.folder);
  await show(driver, placed);
  expect(serving(place.folder)).toEqual([pid]);
  expect(readFileSync(file, 'utf8')).toBe('while the driver is away');
  const { usage } = await driver.node.NodeGetVolumeStats({ volumeId: placed.volumeId, volumePath: placed.targetPath });
  expect(usage.map(({ unit }) => unit)).toEqual(['BYTES', 'INODES']);
  await hide(driver, placed);
  await until(() => serving(place.folder).length === 0);
  expect(place.mounts()).toEqual([]);
  await driver.controller.DeleteVolume({ volumeId: placed.volumeId });
  expect(readdirSync(server.root).filter((name) => name !== '.berth')).toEqual([]);
});

test('a mount whose process died is taken away and made again by the CO’s ordinary calls', async () => {
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  const placed = await create(driver, place.folder);
  await show(driver, placed);
  writeFileSync(join(placed.targetPath, 'kept'), 'kept');
  const killServing = async () => {
    const pids = serving(place.folder);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    // The kernel ends the connection before it gives up the lock; a process that was reaped has neither.
    await until(() => !pids.some((pid) => existsSync(`/proc/${pid}`)));
    expect(isDisconnected(placed.stagingTargetPath)).toBe(true);
  };
  const troubles = async () => {
    const { volumeId, targetPath: volumePublishPath } = placed;
    const { volumeHealth } = await driver.node.NodeGetVolumeHealth({ volumeId, volumePublishPath });
    return volumeHealth?.healthStatuses.map(({ status, reason }) => `${status} ${reason}`);
  };
  expect(await troubles()).toEqual([]);
  await killServing();
  expect(isDisconnected(placed.targetPath)).toBe(true);
  expect(await troubles()).toEqual(['INACCESSIBLE MountBroken']);
  await hide(driver, placed);
  expect(place.mounts()).toEqual([]);
  await show(driver, placed);
  expect(readFileSync(join(placed.targetPath, 'kept'), 'utf8')).toBe('kept');
  // Without an unstage too, as after a kubelet's restart.
  await killServing();
  await driver.node.NodeUnpublishVolume(placed);
  await show(driver, placed);
  expect(readFileSync(join(placed.targetPath, 'kept'), 'utf8')).toBe('kept');
  // Without an unpublish, and still in use.
  const held = openSync(join(placed.targetPath, 'kept'), 'r');
  await killServing();
  const publish = (change: object = {}) => driver.node.NodePublishVolume({ ...placed, volumeCapability, ...change });
  await driver.node.NodeStageVolume({ ...placed, volumeCapability });
  expect(isDisconnected(placed.targetPath)).toBe(true);
  expect(await troubles()).toEqual(['INACCESSIBLE MountBroken']);
  await publish();
  await publish();
  expect(() => closeSync(held)).toThrow('ENOTCONN');
  expect(await troubles()).toEqual([]);
  expect(place.mounts()).toHaveLength(2);
  for (const path of [placed.stagingTargetPath, placed.targetPath])
    expect(readFileSync(join(path, 'kept'), 'utf8')).toBe('kept');
  // For a further pod a CO does not stage again what it has staged; the server may be away just then.
  await killServing();
  const targetPath = join(place.folder, 'further');
  await server.killServer();
  try {
    await expect(publish({ targetPath })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  } finally {
    await server.startServer();
  }
  const aside = join(place.folder, 'never-staged');
  mkdirSync(aside);
  await expect(publish({ stagingTargetPath: aside })).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  await publish({ targetPath });
  await publish();
  for (const path of [placed.targetPath, targetPath]) expect(readFileSync(join(path, 'kept'), 'utf8')).toBe('kept');
  await driver.node.NodeUnpublishVolume({ ...placed, targetPath });
  await hide(driver, placed);
  await driver.controller.DeleteVolume({ volumeId: placed.volumeId });
  await until(() => serving(place.folder).length === 0);
});

test('a second staging path shows what is mounted already, and each goes for itself', async () => {
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  const placed = await create(driver, place.folder);
  const second = { ...placed, stagingTargetPath: join(place.folder, 'second') };
  mkdirSync(second.stagingTargetPath);
  await show(driver, placed);
  writeFileSync(join(placed.targetPath, 'file'), 'one');
  const [pid] = serving(place.folder);
  await driver.node.NodeStageVolume({ ...second, volumeCapability });
  expect(readFileSync(join(second.stagingTargetPath, 'file'), 'utf8')).toBe('one');
  expect(readFileSync(join(placed.targetPath, 'file'), 'utf8')).toBe('one');
  const nosuid = { ...volumeCapability, mount: { ...volumeCapability.mount, mountFlags: ['nosuid'] } };
  await driver.node.NodeUnstageVolume(second);
  const otherwise = driver.node.NodeStageVolume({ ...second, volumeCapability: nosuid });
  await expect(otherwise).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  // Unstaged while published, which a CO should not do: the pod keeps what it has.
  await driver.node.NodeUnstageVolume(placed);
  expect(readFileSync(join(placed.targetPath, 'file'), 'utf8')).toBe('one');
  await show(driver, placed);
  expect(serving(place.folder)).toEqual([pid]);
  await hide(driver, placed);
  await until(() => serving(place.folder).length === 0);
  expect(place.mounts()).toEqual([]);
});

test('mount flags of nfs(5) are obeyed, and others refused', async () => {
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  const placed = await create(driver, place.folder);
  const flagged = (...mountFlags: string[]) => ({
    ...volumeCapability,
    mount: { ...volumeCapability.mount, mountFlags },
  });
  const stage = (...flags: string[]) => driver.node.NodeStageVolume({ ...placed, volumeCapability: flagged(...flags) });
  await expect(stage('exec_me')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await stage('nfsvers=4.1', 'nosuid', 'soft', 'timeo=50');
  const [mount] = place.mounts();
  expect(mount).toMatchObject({ fsType: 'fuse.nfs', root: '/' });
  expect(mount?.options).toContain('nosuid');
  await driver.node.NodeUnstageVolume(placed);
  await driver.controller.DeleteVolume({ volumeId: placed.volumeId });
  await until(() => serving(place.folder).length === 0);
});
