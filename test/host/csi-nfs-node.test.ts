import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
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
  mount: { fsType: '', mountFlags: [] as string[], volumeMountGroup: '' },
  accessMode: { mode: 'MULTI_NODE_MULTI_WRITER' as const },
};

const parameters = () => ({ backend: 'nfs', server: server.host, share: server.export });

/** A folder with a staging path, and calls for one volume in it. */
function nodeOf(folder: string, name = 'stage') {
  const stagingTargetPath = join(folder, name);
  mkdirSync(stagingTargetPath, { recursive: true });
  return {
    stagingTargetPath,
    stage: (driver: DriverProcess, volumeId: string, change: object = {}) =>
      driver.node.NodeStageVolume({ volumeId, stagingTargetPath, volumeCapability, ...change }),
    publish: (driver: DriverProcess, volumeId: string, target: string, change: object = {}) => {
      const targetPath = join(folder, target);
      return driver.node.NodePublishVolume({
        volumeId,
        stagingTargetPath,
        targetPath,
        volumeCapability,
        readonly: false,
        ...change,
      });
    },
    unpublish: (driver: DriverProcess, volumeId: string, target: string) =>
      driver.node.NodeUnpublishVolume({ volumeId, targetPath: join(folder, target) }),
    unstage: (driver: DriverProcess, volumeId: string) =>
      driver.node.NodeUnstageVolume({ volumeId, stagingTargetPath }),
  };
}

async function createVolume(driver: DriverProcess, name: string, change: Record<string, string> = {}) {
  const request = { name, parameters: { ...parameters(), ...change }, volumeCapabilities: [volumeCapability] };
  const { volume } = await driver.controller.CreateVolume(request);
  return volume!;
}

/** What the driver notes of staged volumes. A process that serves a mount may outlive it: in namespaces that copied the mount table. */
function notes(folder: string): string[] {
  const path = join(folder, 'pool/nfs/staged');
  return existsSync(path) ? readdirSync(path) : [];
}

test('what pods write through the mount is on the server, and the mount shows what the server has', async () => {
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  const { volumeId } = await createVolume(driver, 'pvc-1');
  const node = nodeOf(place.folder);
  await node.stage(driver, volumeId);
  await node.stage(driver, volumeId);
  await node.publish(driver, volumeId, 'a');
  await node.publish(driver, volumeId, 'b', { readonly: true });
  const data = Buffer.alloc(2_000_000, 'berth');
  await writeFile(join(place.folder, 'a/file'), data);
  expect(readFileSync(join(server.root, 'pvc-1/file')).equals(data)).toBe(true);
  expect((await readFile(join(place.folder, 'b/file'))).equals(data)).toBe(true);
  await expect(writeFile(join(place.folder, 'b/no'), '')).rejects.toMatchObject({ code: 'EROFS' });
  expect(place.mounts()).toMatchObject([
    { source: `${server.host}:/share/pvc-1` },
    { source: `${server.host}:/share/pvc-1` },
    { source: `${server.host}:/share/pvc-1` },
  ]);
  const { usage } = await driver.node.NodeGetVolumeStats({ volumeId, volumePath: join(place.folder, 'a') });
  const { blocks, bsize } = statfsSync(server.root);
  expect(Number(usage[0]!.total)).toBe(blocks * bsize);
  await node.unpublish(driver, volumeId, 'a');
  await node.unpublish(driver, volumeId, 'b');
  await node.unstage(driver, volumeId);
  await node.unstage(driver, volumeId);
  expect([place.mounts(), notes(place.folder)]).toEqual([[], []]);
  await driver.controller.DeleteVolume({ volumeId });
});

test('a pod’s group owns what is on the server, and what is made there later', async () => {
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  const { volumeId } = await createVolume(driver, 'grouped', { mountPermissions: '0700' });
  const root = join(server.root, 'grouped');
  mkdirSync(join(root, 'sub'), { mode: 0o700 });
  writeFileSync(join(root, 'sub/file'), 'x', { mode: 0o600 });
  writeFileSync(join(server.folder, 'outside'), 'x', { mode: 0o600 });
  symlinkSync(join(server.folder, 'outside'), join(root, 'sub/link'));
  const node = nodeOf(place.folder);
  const mount = { ...volumeCapability.mount, volumeMountGroup: '2000' };
  const grouped = { volumeCapability: { ...volumeCapability, mount } };
  await node.stage(driver, volumeId, grouped);
  await node.publish(driver, volumeId, 'a', grouped);
  const facts = (path: string) => {
    const { gid, mode } = statSync(path);
    return [gid, (mode & 0o7777).toString(8)];
  };
  expect(facts(root)).toEqual([2000, '2770']);
  expect(facts(join(root, 'sub'))).toEqual([2000, '2770']);
  expect(facts(join(root, 'sub/file'))).toEqual([2000, '660']);
  expect(facts(join(server.folder, 'outside'))).toEqual([0, '600']);
  await writeFile(join(place.folder, 'a/new'), '');
  expect(statSync(join(root, 'new')).gid).toBe(2000);
  await node.unpublish(driver, volumeId, 'a');
  await node.unstage(driver, volumeId);
});

test('a volume that another driver made is used by its context, and two nodes see each other write', async () => {
  using controllers = driverFolder();
  using place = driverFolder();
  await using controller = await startDriverProcess(controllers.folder);
  await using driver = await startDriverProcess(place.folder);
  const { volumeId, volumeContext } = await createVolume(controller, 'shared');
  const [one, two] = [nodeOf(controllers.folder), nodeOf(place.folder)];
  await one.stage(controller, volumeId, { volumeContext });
  await two.stage(driver, volumeId, { volumeContext });
  await one.publish(controller, volumeId, 'a', { volumeContext });
  await two.publish(driver, volumeId, 'a', { volumeContext });
  await writeFile(join(controllers.folder, 'a/from-one'), '1');
  await writeFile(join(place.folder, 'a/from-two'), '2');
  expect(readdirSync(join(place.folder, 'a')).sort()).toEqual(['from-one', 'from-two']);
  expect(readFileSync(join(controllers.folder, 'a/from-two'), 'utf8')).toBe('2');
  await driver.node.NodeGetVolumeStats({ volumeId, volumePath: join(place.folder, 'a') });
  // Any instance may be asked to delete it, whichever made it.
  const deleted = driver.controller.DeleteVolume({ volumeId });
  await expect(deleted).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  expect(existsSync(join(server.root, 'shared/from-one'))).toBe(true);
  for (const [node, at] of [
    [one, controller],
    [two, driver],
  ] as const) {
    await node.unpublish(at, volumeId, 'a');
    await node.unstage(at, volumeId);
  }
  await driver.controller.DeleteVolume({ volumeId });
  expect(existsSync(join(server.root, 'shared'))).toBe(false);
  await controller.controller.DeleteVolume({ volumeId });
  expect([controllers.mounts(), place.mounts(), notes(place.folder)]).toEqual([[], [], []]);
});

test('mounts outlive a kill -9 of the driver, and the next one knows them', async () => {
  using place = driverFolder();
  const first = await startDriverProcess(place.folder);
  const node = nodeOf(place.folder);
  mkdirSync(join(server.root, 'static'), { recursive: true });
  const volumeContext = { ...parameters(), subDir: 'static' };
  const volumeId = 'a hand-written handle/../x';
  await node.stage(first, volumeId, { volumeContext });
  await node.publish(first, volumeId, 'a', { volumeContext });
  await first.kill();
  await writeFile(join(place.folder, 'a/file'), 'written without a driver');
  await using second = await startDriverProcess(place.folder);
  expect(readFileSync(join(server.root, 'static/file'), 'utf8')).toBe('written without a driver');
  await second.node.NodeGetVolumeStats({ volumeId, volumePath: join(place.folder, 'a') });
  await node.stage(second, volumeId, { volumeContext });
  await node.publish(second, volumeId, 'a', { volumeContext });
  await node.unpublish(second, volumeId, 'a');
  await node.unstage(second, volumeId);
  expect([place.mounts(), notes(place.folder)]).toEqual([[], []]);
});

test('a sub directory that is a symlink on the server is not mounted', async () => {
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  mkdirSync(join(server.root, 'real/below'), { recursive: true });
  for (const [name, target] of [
    ['link', 'real'],
    ['absolute', '/etc'],
  ] as const) {
    symlinkSync(target, join(server.root, name));
  }
  const node = nodeOf(place.folder);
  for (const subDir of ['link', 'absolute', 'link/below']) {
    const staged = node.stage(driver, 'static', { volumeContext: { ...parameters(), subDir } });
    await expect(staged, subDir).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  }
  const absent = node.stage(driver, 'static', { volumeContext: { ...parameters(), subDir: 'absent' } });
  await expect(absent).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect([place.mounts(), notes(place.folder)]).toEqual([[], []]);
});

test('a server that goes away holds up neither stats nor other volumes, and is used on when it is back', async () => {
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  const { volumeId } = await createVolume(driver, 'flaky');
  const node = nodeOf(place.folder);
  await node.stage(driver, volumeId);
  await node.publish(driver, volumeId, 'a');
  await writeFile(join(place.folder, 'a/file'), 'before');
  await server.killServer();
  try {
    const volumePath = join(place.folder, 'a');
    const stats = driver.node.NodeGetVolumeStats({ volumeId, volumePath });
    const refused = expect(stats).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    // What waits for the server waits for good.
    await node.publish(driver, volumeId, 'b');
    await node.unpublish(driver, volumeId, 'b');
    await localVolume(driver, place.folder);
    await refused;
  } finally {
    await server.startServer();
  }
  await writeFile(join(place.folder, 'a/file'), 'after');
  expect(readFileSync(join(server.root, 'flaky/file'), 'utf8')).toBe('after');
  await driver.node.NodeGetVolumeStats({ volumeId, volumePath: join(place.folder, 'a') });
  await node.unpublish(driver, volumeId, 'a');
  await node.unstage(driver, volumeId);
  expect([place.mounts(), notes(place.folder)]).toEqual([[], []]);
});

test('what is used of a server that is gone is detached by force', async () => {
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  const { volumeId } = await createVolume(driver, 'stuck');
  const node = nodeOf(place.folder);
  await node.stage(driver, volumeId);
  const holder = await holding(node.stagingTargetPath);
  try {
    await expect(node.unstage(driver, volumeId)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(place.mounts()).toHaveLength(1);
    await server.killServer();
    await node.unstage(driver, volumeId);
    expect([place.mounts(), notes(place.folder)]).toEqual([[], []]);
  } finally {
    holder.kill('SIGKILL');
    await server.killServer();
    await server.startServer();
  }
});

test('a server that is away at staging ends the call with UNAVAILABLE, and nothing is mounted', async () => {
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  const { volumeId } = await createVolume(driver, 'late');
  const node = nodeOf(place.folder);
  await server.killServer();
  try {
    await expect(node.stage(driver, volumeId)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect([place.mounts(), notes(place.folder)]).toEqual([[], []]);
  } finally {
    await server.startServer();
  }
  await node.stage(driver, volumeId);
  expect(place.mounts()).toHaveLength(1);
  await node.unstage(driver, volumeId);
});

async function localVolume(driver: DriverProcess, folder: string): Promise<void> {
  const capability = { ...volumeCapability, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } };
  const { volume } = await driver.controller.CreateVolume({ name: 'local', volumeCapabilities: [capability] });
  const volumeId = volume!.volumeId;
  const node = nodeOf(folder, 'local-stage');
  const change = { volumeCapability: capability };
  await node.stage(driver, volumeId, change);
  await node.publish(driver, volumeId, 'local', change);
  await driver.node.NodeGetVolumeStats({ volumeId, volumePath: join(folder, 'local') });
  await node.unpublish(driver, volumeId, 'local');
  await node.unstage(driver, volumeId);
  await driver.controller.DeleteVolume({ volumeId });
}

/** A process that works in the directory. */
async function holding(path: string) {
  const child = spawn('sleep', ['600'], { cwd: path, stdio: 'ignore' });
  while (!existsSync(`/proc/${child.pid}/cwd`)) await systemClock.sleep(5);
  return child;
}
