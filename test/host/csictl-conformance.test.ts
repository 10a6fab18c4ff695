import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runCli } from '@berth/csictl';
import { expect, test } from 'vitest';
import { driverFolder, startDriverProcess } from '../harness/driver-process.ts';
import { Ganesha } from '../harness/ganesha.ts';
import { imageFolder } from '../harness/image-driver.ts';

interface Result {
  readonly id: string;
  readonly outcome: string;
  readonly reason: string;
}

async function conformance(...argv: string[]): Promise<{ exitCode: number; results: Result[] }> {
  let out = '';
  const write = (text: string) => {
    out += text;
  };
  const terminal = { env: {}, out: write, err: () => undefined, isInteractive: false };
  const exitCode = await runCli(['conformance', ...argv, '-o', 'json'], terminal);
  return { exitCode, results: JSON.parse(out) as Result[] };
}

const image = ['--param', 'backend=image', '--size', '128Mi', '--cap'];
const classes: [what: string, flags: string[], poolFs?: 'btrfs' | 'xfs'][] = [
  ['directories', []],
  ['images with ext4', [...image, 'SINGLE_NODE_WRITER,mount,ext4']],
  ['images as block devices', [...image, 'SINGLE_NODE_WRITER,block']],
  ['images with ext4 on xfs', [...image, 'SINGLE_NODE_WRITER,mount,ext4'], 'xfs'],
  ['subvolumes', ['--param', 'backend=btrfs', '--size', '64Mi'], 'btrfs'],
];

/** What these volumes cannot be asked, and why. */
const skips = /with these parameters|good for both|with a filesystem|has no blocks to tell of/;

for (const [what, flags, poolFs] of classes) {
  test(`csictl conformance passes with ${what}, and leaves nothing behind`, { timeout: 600_000 }, async () => {
    await using place = await imageFolder(poolFs);
    await using driver = await startDriverProcess(place.folder, ['--attach']);
    const mountDir = join(place.folder, 'mounts');
    mkdirSync(mountDir);
    const run = ['--endpoint', place.endpoint, '--mount-dir', mountDir, ...flags];
    const { exitCode, results } = await conformance(...run);
    expect(results.filter(({ outcome }) => outcome === 'fail')).toEqual([]);
    expect(results.filter(({ outcome, reason }) => outcome === 'skip' && !skips.test(reason))).toEqual([]);
    expect(results.length).toBeGreaterThanOrEqual(85);
    expect(exitCode).toBe(0);
    expect(readdirSync(mountDir)).toEqual([]);
    expect(place.mounts().filter(({ mountPoint }) => mountPoint !== place.pool)).toEqual([]);
    await expect.poll(place.loops).toEqual([]);
    for (const folder of ['volumes', 'images', 'snapshots', 'image-snapshots', 'subvolumes', 'subvolume-snapshots'].map(
      (name) => join(place.pool, name),
    ))
      if (existsSync(folder)) expect(readdirSync(folder)).toEqual([]);
    expect(driver.log()).not.toContain('INTERNAL');
  });
}

test('csictl conformance passes with directories of an NFS server', { timeout: 600_000 }, async () => {
  await using server = await Ganesha.start();
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  const parameters = ['backend=nfs', `server=${server.host}`, `share=${server.export}`];
  const run = ['--endpoint', place.endpoint, '--mount-dir', join(place.folder, 'mounts')];
  // All of them pass; these are what differs on a server, and each mount here is a process of its own.
  const only = ['publish', 'ids', 'paths', 'exists', 'content.clone', 'group'].flatMap((one) => ['--only', one]);
  const { exitCode, results } = await conformance(...run, ...only, ...parameters.flatMap((one) => ['--param', one]));
  expect(results.filter(({ outcome }) => outcome === 'fail')).toEqual([]);
  expect(exitCode).toBe(0);
  expect(place.mounts()).toEqual([]);
  expect(driver.log()).not.toContain('INTERNAL');
});
