import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linuxMounter } from '@berth/linux';
import { GrpcConnection, pluginRegistration } from '@berth/protos';
import { expect, test } from 'vitest';
import { type DriverProcess, driverFolder, startDriverProcess } from '../harness/driver-process.ts';

const capability = { mount: {}, accessMode: { mode: 'SINGLE_NODE_MULTI_WRITER' as const } };
const code = (name: string) => expect.objectContaining({ code: name });

async function createVolume({ controller }: DriverProcess, name: string): Promise<string> {
  const { volume } = await controller.CreateVolume({ name, volumeCapabilities: [capability] });
  return volume!.volumeId;
}

async function stage({ node }: DriverProcess, volumeId: string, stagingTargetPath: string) {
  mkdirSync(stagingTargetPath, { recursive: true });
  await node.NodeStageVolume({ volumeId, stagingTargetPath, volumeCapability: capability });
}

async function publish(driver: DriverProcess, volumeId: string, [staging, target]: [string, string], readonly = false) {
  const paths = { stagingTargetPath: staging, targetPath: target };
  await driver.node.NodePublishVolume({ volumeId, ...paths, readonly, volumeCapability: capability });
}

async function published(folder: string, driver: DriverProcess) {
  const [staging, target] = [join(folder, 'staging'), join(folder, 'target')];
  const volumeId = await createVolume(driver, 'pvc-1');
  await stage(driver, volumeId, staging);
  await publish(driver, volumeId, [staging, target]);
  return { volumeId, staging, target };
}

test('what is written through one target is read through another and outlives kill -9 between all calls', async () => {
  using place = driverFolder();
  let driver = await startDriverProcess(place.folder);
  const restart = async () => {
    await driver.kill();
    driver = await startDriverProcess(place.folder);
  };
  const { volumeId, staging, target } = await published(place.folder, driver);
  writeFileSync(join(target, 'file'), 'kept');
  await restart();
  expect(await createVolume(driver, 'pvc-1')).toBe(volumeId);
  await stage(driver, volumeId, staging);
  await publish(driver, volumeId, [staging, target]);
  expect(place.mounts()).toHaveLength(2);
  const second = join(place.folder, 'second');
  await publish(driver, volumeId, [staging, second]);
  expect(readFileSync(join(second, 'file'), 'utf8')).toBe('kept');
  for (const targetPath of [target, second]) {
    await restart();
    await driver.node.NodeUnpublishVolume({ volumeId, targetPath });
    expect(existsSync(targetPath)).toBe(false);
  }
  await restart();
  await expect(driver.controller.DeleteVolume({ volumeId })).rejects.toEqual(code('FAILED_PRECONDITION'));
  await driver.node.NodeUnstageVolume({ volumeId, stagingTargetPath: staging });
  await restart();
  await driver.controller.DeleteVolume({ volumeId });
  expect(place.mounts()).toEqual([]);
  expect((await driver.controller.ListVolumes({})).entries).toEqual([]);
  await driver[Symbol.asyncDispose]();
  expect(readdirSync(join(place.folder, 'pool/volumes'))).toEqual([]);
});

test('kill -9 in the middle of many creates loses no acknowledged volume and leaks no directory', async () => {
  using place = driverFolder();
  const acknowledged: string[] = [];
  for (let round = 0; round < 5; round++) {
    const driver = await startDriverProcess(place.folder);
    const calls = Array.from({ length: 40 }, async (_, i) => {
      acknowledged.push(await createVolume(driver, `pvc-${round}-${i}`));
      if (i === 5 + round * 7) driver.child.kill('SIGKILL');
    });
    await Promise.allSettled(calls);
    await driver.kill();
  }
  await using driver = await startDriverProcess(place.folder);
  const { entries } = await driver.controller.ListVolumes({});
  const listed = entries.map((entry) => entry.volume!.volumeId);
  expect(acknowledged.length).toBeGreaterThan(0);
  expect(listed).toEqual(expect.arrayContaining(acknowledged));
  expect(readdirSync(join(place.folder, 'pool/volumes')).sort()).toEqual(listed.sort());
});

test('a single writer stays single after kill -9', async () => {
  using place = driverFolder();
  const first = await startDriverProcess(place.folder);
  const volumeCapability = { mount: {}, accessMode: { mode: 'SINGLE_NODE_SINGLE_WRITER' as const } };
  const volumeId = await createVolume(first, 'pvc-1');
  const stagingTargetPath = join(place.folder, 'staging');
  await stage(first, volumeId, stagingTargetPath);
  const request = (name: string) => ({
    volumeId,
    stagingTargetPath,
    volumeCapability,
    targetPath: join(place.folder, name),
  });
  await first.node.NodePublishVolume(request('one'));
  await first.kill();
  await using second = await startDriverProcess(place.folder);
  await expect(second.node.NodePublishVolume(request('two'))).rejects.toEqual(code('FAILED_PRECONDITION'));
  await second.node.NodePublishVolume(request('one'));
  expect(place.mounts()).toHaveLength(2);
});

test('read-only is enforced on the mount itself, also for root', async () => {
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  const { volumeId, staging, target } = await published(place.folder, driver);
  writeFileSync(join(target, 'file'), 'x');
  const readOnly = join(place.folder, 'ro');
  await publish(driver, volumeId, [staging, readOnly], true);
  expect(readFileSync(join(readOnly, 'file'), 'utf8')).toBe('x');
  expect(() => writeFileSync(join(readOnly, 'file'), 'y')).toThrow(code('EROFS'));
  await expect(publish(driver, volumeId, [staging, readOnly])).rejects.toEqual(code('ALREADY_EXISTS'));
  writeFileSync(join(target, 'file'), 'z');
});

test('a symlink planted where a target is to be leads nowhere', async () => {
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  const { volumeId, staging, target } = await published(place.folder, driver);
  const victim = join(place.folder, 'victim');
  mkdirSync(victim);
  symlinkSync(victim, join(place.folder, 'link'));
  const before = place.mounts().length;
  for (const path of ['link', 'link/x', 'target/../link/x']) {
    const publishing = publish(driver, volumeId, [staging, `${place.folder}/${path}`]);
    await expect(publishing).rejects.toEqual(code('INVALID_ARGUMENT'));
    const targetPath = `${place.folder}/${path}`;
    await expect(driver.node.NodeUnpublishVolume({ volumeId, targetPath })).rejects.toEqual(code('INVALID_ARGUMENT'));
  }
  expect(place.mounts()).toHaveLength(before);
  expect(readdirSync(victim)).toEqual([]);
  expect(statSync(target).isDirectory()).toBe(true);
});

test('a directory that turns into a symlink and back, again and again, never leads a publish elsewhere', async () => {
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  const { volumeId, staging } = await published(place.folder, driver);
  const [victim, parent, hidden] = ['victim', 'parent', 'hidden'].map((name) => join(place.folder, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(victim);
  mkdirSync(parent);
  using _attacker = attacker({ parent, hidden, victim });
  const outcomes = new Set<string>();
  for (let i = 0; i < 1500; i++) {
    const targetPath = join(parent, `t${i}`);
    const outcome = await publish(driver, volumeId, [staging, targetPath]).then(
      () => 'ok',
      (error: { code: string }) => error.code,
    );
    outcomes.add(outcome);
    await driver.node.NodeUnpublishVolume({ volumeId, targetPath }).catch(() => undefined);
  }
  expect(readdirSync(victim)).toEqual([]);
  expect(place.mounts().filter(({ mountPoint }) => mountPoint.startsWith(victim))).toEqual([]);
  expect(outcomes).toContain('ok');
  const others = [...outcomes].filter(
    (outcome) => !['ok', 'FAILED_PRECONDITION', 'INVALID_ARGUMENT'].includes(outcome),
  );
  expect(others).toEqual([]);
});

/** A process that swaps a directory for a symlink to the victim as fast as it can. */
function attacker({ parent, hidden, victim }: { parent: string; hidden: string; victim: string }): Disposable {
  const loop = `const fs = require('fs'); const [parent, hidden, victim] = process.argv.slice(1);
    for (;;) { fs.renameSync(parent, hidden); fs.symlinkSync(victim, parent); fs.unlinkSync(parent); fs.renameSync(hidden, parent); }`;
  const child = spawn(process.execPath, ['-e', loop, parent, hidden, victim], { stdio: 'ignore' });
  return { [Symbol.dispose]: () => void child.kill('SIGKILL') };
}

test('deleting follows no symlink in the volume and spares what is mounted below it', async () => {
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  const volumeId = await createVolume(driver, 'pvc-1');
  const data = join(place.folder, 'pool/volumes', volumeId);
  const victim = join(place.folder, 'victim');
  mkdirSync(join(victim, 'deep'), { recursive: true });
  writeFileSync(join(victim, 'deep/file'), 'mine');
  symlinkSync(victim, join(data, 'link'));
  mkdirSync(join(data, 'bound'));
  linuxMounter.bind(victim, join(data, 'bound'));
  await driver.controller.DeleteVolume({ volumeId });
  expect(readdirSync(join(place.folder, 'pool/volumes'))).toEqual([]);
  await expect.poll(() => driver.log()).toContain('cannot be removed from the trash');
  expect(readFileSync(join(victim, 'deep/file'), 'utf8')).toBe('mine');
});

test('a full pool is RESOURCE_EXHAUSTED, existing volumes go on, and room makes it work again', async () => {
  using place = driverFolder();
  const pool = join(place.folder, 'pool');
  mkdirSync(pool);
  linuxMounter.mount({ fsType: 'tmpfs', source: 'tmpfs', target: pool, options: ['size=2m', 'nr_inodes=60'] });
  await using driver = await startDriverProcess(place.folder);
  const create = (name: string) =>
    driver.controller.CreateVolume({
      name,
      volumeCapabilities: [capability],
      capacityRange: { requiredBytes: '1000' },
    });
  await create('before');
  for (let i = 0; i < 60; i++) {
    try {
      writeFileSync(join(pool, `filler-${i}`), '');
    } catch {
      break;
    }
  }
  await expect(create('full')).rejects.toEqual(code('RESOURCE_EXHAUSTED'));
  expect((await driver.controller.ListVolumes({})).entries).toHaveLength(1);
  for (const name of readdirSync(pool).filter((entry) => entry.startsWith('filler'))) {
    execFileSync('rm', [join(pool, name)]);
  }
  await create('full');
  expect((await driver.controller.ListVolumes({})).entries).toHaveLength(2);
});

test('a second driver on the pool, a damaged catalog and wrong flags end with one line', async () => {
  using place = driverFolder();
  const first = await startDriverProcess(place.folder);
  await createVolume(first, 'pvc-1');
  const other = ['--endpoint', `unix://${place.folder}/other.sock`];
  await expect(startDriverProcess(place.folder, other)).rejects.toThrow(/another csi-driver runs on/);
  await first[Symbol.asyncDispose]();
  writeFileSync(join(place.folder, 'pool/catalog.db'), 'garbage'.repeat(1000));
  const damaged = startDriverProcess(place.folder);
  await expect(damaged).rejects.toThrow(/exited with 1: csi-driver: the catalog .* is damaged/);
  await expect(damaged).rejects.not.toThrow(/\n\s+at /);
  await expect(startDriverProcess(place.folder, ['--node-id', 'a b'])).rejects.toThrow(/exited with 2: .*--node-id/);
});

test('kubelet finds the driver through the registration socket', async () => {
  using place = driverFolder();
  const socket = join(place.folder, 'registry/csi.berth.local-reg.sock');
  await using _driver = await startDriverProcess(place.folder, ['--registration-socket', socket]);
  using connection = new GrpcConnection(`unix://${socket}`);
  expect(await connection.service(pluginRegistration).GetInfo({})).toEqual({
    type: 'CSIPlugin',
    name: 'csi.berth.local',
    endpoint: `${place.folder}/csi.sock`,
    supportedVersions: ['1.0.0'],
  });
  expect(statSync(socket).mode & 0o077).toBe(0);
});

test('SIGTERM ends the driver with 0; mounts stay', async () => {
  using place = driverFolder();
  const driver = await startDriverProcess(place.folder);
  const { target } = await published(place.folder, driver);
  await driver[Symbol.asyncDispose]();
  expect(driver.child.exitCode).toBe(0);
  expect(place.mounts().map((mount) => mount.mountPoint)).toContain(target);
});
