import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linuxMounter } from '@berth/linux';
import { expect, test } from 'vitest';
import { startInProcess } from '../harness/in-process-driver.ts';
import { lifePlace } from '../harness/life-place.ts';

const volumeCapability = { mount: {}, accessMode: { mode: 'SINGLE_NODE_MULTI_WRITER' as const } };
const rounds = 600;

/** Swaps a directory and a symlink to the victim under one name as fast as it can. */
async function startSwapping(path: string, victim: string): Promise<AsyncDisposable> {
  const loop = `const fs = require('fs'); const [path, victim] = process.argv.slice(1);
    fs.symlinkSync(victim, path + '.link'); fs.mkdirSync(path, { recursive: true }); process.stdout.write('ready');
    const tried = (act) => { try { act(); } catch {} };
    for (;;) {
      tried(() => fs.renameSync(path, path + '.away')); tried(() => fs.renameSync(path + '.link', path));
      tried(() => fs.renameSync(path, path + '.link')); tried(() => fs.renameSync(path + '.away', path));
      tried(() => fs.mkdirSync(path));
    }`;
  const child = spawn(process.execPath, ['-e', loop, path, victim], { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

for (const swapped of ['target', 'staging'] as const) {
  test(`a ${swapped} path that is swapped for a symlink all the time never leads anything elsewhere (CVE-2021-25741)`, async () => {
    using place = await lifePlace();
    await using driver = await startInProcess({ ...place, log: () => undefined });
    const { volume } = await driver.controller.CreateVolume({ name: 'pvc-1', volumeCapabilities: [volumeCapability] });
    const { volumeId } = volume!;
    const victim = join(place.folder, 'victim');
    mkdirSync(victim);
    const calm = join(place.folder, 'calm');
    mkdirSync(calm);
    const [staging, target] = swapped === 'target' ? [calm, join(place.folder, 'x')] : [join(place.folder, 'x'), calm];
    if (swapped === 'target')
      await driver.node.NodeStageVolume({ volumeId, stagingTargetPath: staging, volumeCapability });
    const outcomes = new Set<string>();
    const answer = async (call: Promise<unknown>) => {
      await call.then(
        () => outcomes.add('OK'),
        (error: { code: string }) => outcomes.add(error.code),
      );
    };
    {
      await using _attacker = await startSwapping(join(place.folder, 'x'), victim);
      for (let i = 0; i < rounds; i++) {
        if (swapped === 'staging') {
          await answer(driver.node.NodeStageVolume({ volumeId, stagingTargetPath: staging, volumeCapability }));
          await answer(driver.node.NodeUnstageVolume({ volumeId, stagingTargetPath: staging }));
          continue;
        }
        const paths = { stagingTargetPath: staging, targetPath: target };
        await answer(driver.node.NodePublishVolume({ volumeId, ...paths, volumeCapability }));
        await answer(driver.node.NodeUnpublishVolume({ volumeId, targetPath: target }));
      }
    }
    expect(readdirSync(victim)).toEqual([]);
    const reached = linuxMounter.mounts().filter(({ mountPoint }) => mountPoint.startsWith(victim));
    expect(reached).toEqual([]);
    expect([...outcomes]).toContain('OK');
    expect([...outcomes].filter((code) => /UNKNOWN|UNAVAILABLE/.test(code))).toEqual([]);
    // What was mounted on a directory that was then moved is where the attacker moved it; nothing else is.
    const allowed = ['calm', 'x', 'x.away', 'x.link'].map((name) => join(place.folder, name));
    expect(place.mounts().filter(({ mountPoint }) => !allowed.includes(mountPoint))).toEqual([]);
  });
}

test('a directory in a volume that is swapped for a symlink all the time fails no copy of the volume, and leads none outside', async () => {
  using place = await lifePlace();
  await using driver = await startInProcess({ ...place, log: () => undefined });
  const { controller } = driver;
  const { volume } = await controller.CreateVolume({ name: 'pvc-1', volumeCapabilities: [volumeCapability] });
  const { volumeId } = volume!;
  const victim = join(place.folder, 'victim');
  mkdirSync(victim);
  writeFileSync(join(victim, 'secret'), 'secret');
  const root = join(place.pool, 'volumes', volumeId);
  {
    await using _attacker = await startSwapping(join(root, 'x'), victim);
    for (let i = 0; i < rounds; i++) {
      const { snapshot } = await controller.CreateSnapshot({ name: `s-${i}`, sourceVolumeId: volumeId });
      const { snapshotId } = snapshot!;
      const own = join(place.pool, 'snapshots', snapshotId);
      // Of directories as they are: readdir's own recursion goes through links.
      const directories = readdirSync(own, { withFileTypes: true }).filter((entry) => entry.isDirectory());
      expect(directories.flatMap(({ name }) => readdirSync(join(own, name)))).toEqual([]);
      await controller.DeleteSnapshot({ snapshotId });
    }
    await controller.DeleteVolume({ volumeId });
  }
  expect(readdirSync(victim)).toEqual(['secret']);
  expect(readFileSync(join(victim, 'secret'), 'utf8')).toBe('secret');
});
