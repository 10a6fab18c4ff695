import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linuxMounter } from '@berth/linux';
import { expect, test } from 'vitest';
import { Berth, dist, execute, nodeFlags } from '../harness/berth.ts';
import { mountShare } from '../harness/fuse-share.ts';
import { Ganesha } from '../harness/ganesha.ts';
import { leftoversOf } from '../harness/leftovers.ts';
import { mountSmallDisk } from '../harness/small-disk.ts';

const root = join(import.meta.dirname, '../..');
const berth = (args: readonly string[], cwd: string) =>
  execute(
    '/bin/sh',
    ['-c', 'cd "$0" && exec "$@"', cwd, join(root, 'node_modules/.bin/node'), ...nodeFlags, dist('berth'), ...args],
    { timeoutMs: 60_000 },
  );

function aFolder() {
  const path = mkdtempSync(join(tmpdir(), 'berth-down-'));
  mkdirSync(join(path, 'nodes'));
  writeFileSync(join(path, 'precious'), 'mine');
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

test('berth down --purge refuses a directory that berth never ran in', async () => {
  using folder = aFolder();
  expect(await berth(['down', '--purge', '--data-dir', folder.path], '/')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('is no data directory of berth'),
  });
  expect(existsSync(join(folder.path, 'precious'))).toBe(true);
});

test('berth down says when there was nothing to take down', async () => {
  using folder = aFolder();
  const missing = join(folder.path, 'mistyped');
  expect(await berth(['down', '--data-dir', missing], '/')).toMatchObject({
    code: 0,
    stdout: `nothing to do: there is no berth in ${missing}\n`,
  });
});

test('berth down --purge refuses an empty --data-dir, which would be the current directory', async () => {
  using folder = aFolder();
  writeFileSync(join(folder.path, 'berth.lock'), '');
  expect(await berth(['down', '--purge', '--data-dir', ''], folder.path)).toMatchObject({ code: 2 });
  expect(existsSync(join(folder.path, 'nodes'))).toBe(true);
});

test('berth down --purge removes what berth made and leaves the rest', async () => {
  using folder = aFolder();
  writeFileSync(join(folder.path, 'berth.lock'), '');
  expect(await berth(['down', '--purge', '--data-dir', folder.path], '/')).toMatchObject({ code: 0 });
  expect(existsSync(join(folder.path, 'nodes'))).toBe(false);
  expect(existsSync(join(folder.path, 'precious'))).toBe(true);
});

test('berth down --purge empties a disk that is the data directory, leaves it mounted, and finds all through a link', async () => {
  using folder = aFolder();
  const disk = join(folder.path, 'disk');
  const link = join(folder.path, 'link');
  const isMounted = (path: string) => linuxMounter.mounts().some(({ mountPoint }) => mountPoint === path);
  mountSmallDisk(disk, '1m');
  try {
    symlinkSync(disk, link);
    writeFileSync(join(disk, 'berth.lock'), '');
    mountSmallDisk(join(disk, 'nodes', 'left'), '1m');
    expect(await berth(['down', '--purge', '--data-dir', link], '/')).toMatchObject({ code: 0 });
    expect([isMounted(join(disk, 'nodes', 'left')), isMounted(disk)]).toEqual([false, true]);
    expect(readdirSync(disk)).toEqual([]);
  } finally {
    for (const path of [join(disk, 'nodes', 'left'), disk])
      if (isMounted(path)) linuxMounter.unmount(path, { lazy: true });
  }
});

test('berth down ends what serves nfs mounts of its nodes, and takes them away', async () => {
  await using server = await Ganesha.start();
  using folder = aFolder();
  writeFileSync(join(folder.path, 'berth.lock'), '');
  const location = { server: server.host, share: server.export, subDir: '' };
  await using share = await mountShare(location, [], join(folder.path, 'nodes', 'node-1'));
  expect(share.pid()).toBeGreaterThan(0);
  expect(await berth(['down', '--data-dir', folder.path], '/')).toMatchObject({ code: 0 });
  expect(share.pid()).toBe(undefined);
  expect(share.isMounted()).toBe(false);
});

const twoPods = ['node-1', 'node-2']
  .map((nodeName) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: nodeName },
    spec: { nodeName, containers: [{ name: 'c', image: 'berth.local/tools:latest', command: ['sleep', 'infinity'] }] },
  }))
  .map((pod) => JSON.stringify(pod))
  .join('\n---\n');

async function twoPodsRunning(): Promise<Berth> {
  const cluster = await Berth.start({ nodes: 2 });
  await cluster.apply(twoPods);
  await cluster.kubectl(['wait', '--for=condition=Ready', 'pod', '--all', '--timeout=120s']);
  return cluster;
}

test('berth down takes down what runs, after the directory was removed under it as far as mounts let it', async () => {
  await using cluster = await twoPodsRunning();
  const { dataDir } = cluster;
  expect((await execute('rm', ['-rf', dataDir], { timeoutMs: 60_000 })).stderr).toContain('busy');
  expect(existsSync(join(dataDir, 'berth.lock'))).toBe(false);
  expect(await berth(['up', '--port', '0', '--data-dir', dataDir], '/')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`is used by another berth (pid ${cluster.ready.pid})`),
  });
  expect(await berth(['down', '--data-dir', dataDir], '/')).toMatchObject({ code: 0 });
  expect(leftoversOf(dataDir, ['node-1', 'node-2'])).toEqual([]);
  expect(() => process.kill(cluster.ready.pid, 0)).toThrow('ESRCH');
});

test('berth down finds what is left of a directory that is gone, and leaves none', async () => {
  await using cluster = await twoPodsRunning();
  const { dataDir } = cluster;
  await cluster.stop();
  for (const { mountPoint } of linuxMounter.mounts().toReversed())
    if (mountPoint.startsWith(`${dataDir}/`)) linuxMounter.unmount(mountPoint, { lazy: true });
  rmSync(dataDir, { recursive: true });
  expect(leftoversOf(dataDir, ['node-1', 'node-2'])).not.toEqual([]);
  expect(await berth(['down', '--data-dir', dataDir], '/')).toMatchObject({
    code: 0,
    stdout: `removed ${dataDir} and all that ran from it\n`,
  });
  expect(leftoversOf(dataDir, ['node-1', 'node-2'])).toEqual([]);
  expect(existsSync(dataDir)).toBe(false);
  expect(await berth(['down', '--data-dir', dataDir], '/')).toMatchObject({
    code: 0,
    stdout: `nothing to do: there is no berth in ${dataDir}\n`,
  });
});
