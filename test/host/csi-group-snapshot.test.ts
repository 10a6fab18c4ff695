import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type DriverProcess, startDriverProcess } from '../harness/driver-process.ts';
import { createImage, imageFolder, useImage } from '../harness/image-driver.ts';
import { startDoomed } from '../harness/killed-life.ts';

const ext4 = { mount: { fsType: 'ext4' } };
const block = { block: {} };
const code = (name: string) => expect.objectContaining({ code: name });

/** Writes a rising number to the first file, then to the second, each through to its disk, until disposed. */
function pairWriter(paths: readonly string[]) {
  const files = paths.map((path) => openSync(path, 'w'));
  const state = { running: true, rounds: 0 };
  const done = (async () => {
    while (state.running) {
      const text = `${++state.rounds}`.padStart(8, '0');
      for (const file of files) {
        writeSync(file, text, 0);
        fsyncSync(file);
      }
      await setImmediate();
    }
    for (const file of files) closeSync(file);
  })();
  return {
    state,
    async [Symbol.asyncDispose]() {
      state.running = false;
      await done;
    },
  };
}

/** Writes a rising number into the first file, then into the second, in a process that stands still with the filesystem; of a disposed one nothing holds that any more. */
function childWriter(folder: string, files: readonly [string, string]): AsyncDisposable {
  const script = `const fs = require('fs'); const files = process.argv.slice(1).map((name) => fs.openSync(name, 'r+'));
    for (let i = 1; ; i++) for (const fd of files) { fs.writeSync(fd, String(i).padStart(8, '0'), 0); fs.fsyncSync(fd); }`;
  const child = spawn(process.execPath, ['-e', script, ...files], { cwd: folder, stdio: 'ignore' });
  const ended = once(child, 'exit');
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function numberIn(image: string, file: string): number {
  const content = execFileSync('debugfs', ['-R', `cat /${file}`, image], {
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 4 * 1024 ** 2,
  });
  return Number(content.toString('latin1', 0, 8));
}

async function restored(driver: DriverProcess, folder: string, snapshotIds: readonly string[]): Promise<number[]> {
  const counts: number[] = [];
  for (const [index, snapshotId] of snapshotIds.entries()) {
    const name = `${snapshotId}-${index}`;
    const volumeId = await createImage(driver, name, { access: ext4, source: { snapshot: { snapshotId } } });
    const use = await useImage(driver, volumeId, { folder, access: ext4, name });
    counts.push(Number(readFileSync(join(use.targetPath, 'count'), 'utf8')));
    await use.release();
    await driver.controller.DeleteVolume({ volumeId });
  }
  return counts;
}

test('snapshots of a group are of one moment, while a writer goes from volume to volume', async () => {
  await using place = await imageFolder('xfs');
  const { folder } = place;
  let driver = await startDriverProcess(folder);
  const ids = [
    await createImage(driver, 'a', { access: ext4 }),
    await createImage(driver, 'b', { access: ext4 }),
    await createImage(driver, 'idle', { access: ext4 }),
  ];
  const uses = [];
  for (const volumeId of ids.slice(0, 2)) uses.push(await useImage(driver, volumeId, { folder, access: ext4 }));
  const groups: { groupSnapshotId: string; snapshotIds: string[] }[] = [];
  {
    await using writer = pairWriter(uses.map(({ targetPath }) => join(targetPath, 'count')));
    for (const name of ['g1', 'g2', 'g3']) {
      const before = writer.state.rounds;
      const { groupSnapshot } = await driver.groups.CreateVolumeGroupSnapshot({ name, sourceVolumeIds: ids });
      expect(groupSnapshot?.readyToUse).toBe(true);
      const snapshotIds = groupSnapshot!.snapshots.map(({ snapshotId }) => snapshotId);
      groups.push({ groupSnapshotId: groupSnapshot!.groupSnapshotId, snapshotIds });
      // It goes on: nothing stays frozen.
      await expect.poll(() => writer.state.rounds).toBeGreaterThan(before + 2);
    }
  }
  await driver.kill();
  driver = await startDriverProcess(folder);
  for (const { snapshotIds } of groups) {
    const [first, second] = (await restored(driver, folder, snapshotIds.slice(0, 2))) as [number, number];
    expect(first).toBeGreaterThan(0);
    expect([first, first - 1]).toContain(second);
  }
  for (const group of groups) await driver.groups.DeleteVolumeGroupSnapshot(group);
  expect(readdirSync(join(place.pool, 'image-snapshots'))).toEqual([]);
  for (const use of uses) await use.release(driver);
  for (const volumeId of ids.slice(0, 2)) {
    execFileSync('e2fsck', ['-fn', join(place.pool, 'images', volumeId)], { stdio: 'ignore' });
  }
  await driver[Symbol.asyncDispose]();
});

test('one block device in use may be in a group, two may not: nothing can stop their writers', async () => {
  await using place = await imageFolder('xfs');
  await using driver = await startDriverProcess(place.folder);
  const ids = [
    await createImage(driver, 'a', { access: block, mib: 8 }),
    await createImage(driver, 'b', { access: block, mib: 8 }),
  ];
  const uses = [];
  for (const volumeId of ids) uses.push(await useImage(driver, volumeId, { folder: place.folder, access: block }));
  const both = driver.groups.CreateVolumeGroupSnapshot({ name: 'g', sourceVolumeIds: ids });
  await expect(both).rejects.toEqual(code('FAILED_PRECONDITION'));
  expect(readdirSync(join(place.pool, 'image-snapshots'))).toEqual([]);
  await uses[1]?.release();
  const { groupSnapshot } = await driver.groups.CreateVolumeGroupSnapshot({ name: 'g', sourceVolumeIds: ids });
  expect(groupSnapshot?.snapshots).toHaveLength(2);
  await uses[0]?.release();
});

test('a crash in the middle of a group leaves no part of it, and nothing frozen', async () => {
  await using place = await imageFolder();
  const { folder } = place;
  // Once all is copied, and nothing goes on yet.
  const driver = await startDoomed(folder, 'before ioctl fithaw');
  const ids = [await createImage(driver, 'a', { access: ext4 }), await createImage(driver, 'b', { access: ext4 })];
  const uses = [];
  for (const volumeId of ids) uses.push(await useImage(driver, volumeId, { folder, access: ext4 }));
  const taking = driver.groups.CreateVolumeGroupSnapshot({ name: 'g', sourceVolumeIds: ids });
  await expect(taking).rejects.toEqual(code('UNAVAILABLE'));
  await driver.kill();
  const snapshots = join(place.pool, 'image-snapshots');
  expect(readdirSync(snapshots)).not.toEqual([]);
  await using second = await startDriverProcess(folder);
  expect(second.log()).toContain('thawed what a crash left frozen');
  for (const { targetPath } of uses) execFileSync('touch', [join(targetPath, 'writable')]);
  await expect.poll(() => readdirSync(snapshots)).toEqual([]);
  expect((await second.controller.ListSnapshots({})).entries).toEqual([]);
  const { groupSnapshot } = await second.groups.CreateVolumeGroupSnapshot({ name: 'g', sourceVolumeIds: ids });
  expect(groupSnapshot?.snapshots).toHaveLength(2);
  for (const use of uses) await use.release(second);
});

test('snapshots and a clone of a volume in use at once are of one moment, each: the first that is done lets nothing go', async () => {
  await using place = await imageFolder();
  const { folder } = place;
  await using driver = await startDriverProcess(folder);
  const volumeId = await createImage(driver, 'a', { access: ext4, mib: 512 });
  const use = await useImage(driver, volumeId, { folder, access: ext4 });
  const fill = (name: string, count: number) =>
    execFileSync(
      'dd',
      ['if=/dev/urandom', `of=${use.targetPath}/${name}`, 'bs=1M', 'iflag=fullblock', `count=${count}`, 'conv=fsync'],
      {
        stdio: 'ignore',
      },
    );
  // Far from each other on the disk: what is between them takes its time to copy.
  fill('early', 1);
  fill('between', 300);
  fill('late', 1);
  const ids: string[] = [];
  {
    await using _writer = childWriter(use.targetPath, ['early', 'late']);
    const number = () => Number(readFileSync(join(use.targetPath, 'late')).toString('latin1', 0, 8));
    await expect.poll(number).toBeGreaterThan(0);
    const source = { volume: { volumeId } };
    const cloning = createImage(driver, 'clone', { access: ext4, mib: 512, source });
    const taking = ['first', 'second', 'third'].map(async (name, index) => {
      await new Promise((resolve) => setTimeout(resolve, 100 * (index + 1)));
      const { snapshot } = await driver.controller.CreateSnapshot({ name, sourceVolumeId: volumeId });
      return join('image-snapshots', snapshot!.snapshotId);
    });
    ids.push(...(await Promise.all([cloning.then((id) => join('images', id)), ...taking])));
  }
  const moments = ids.map((id) => [numberIn(join(place.pool, id), 'early'), numberIn(join(place.pool, id), 'late')]);
  for (const [early = 0, late = 0] of moments) expect([early, early - 1]).toContain(late);
  expect(moments.every(([early = 0]) => early > 0)).toBe(true);
  await use.release();
});
