import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { linuxMounter } from '@berth/linux';
import { expect, test } from 'vitest';
import { type DriverProcess, driverFolder, runDriver, startDriverProcess } from '../harness/driver-process.ts';
import { capabilityOf } from '../harness/image-driver.ts';
import { mountPool, mountPoolAgain } from '../harness/mount-pool.ts';
import { fillDisk, mountSmallDisk } from '../harness/small-disk.ts';

const xfs = { poolFs: 'xfs', poolMiB: 512 };

/** A disk that is mounted at a directory of its name, until it is not. */
async function diskAt(folder: string, name: string) {
  const [own, pool] = [join(folder, `disk-${name}`), join(folder, name)];
  mkdirSync(own);
  await mountPool(own, { pool, ...xfs });
  return {
    pool,
    unmount: (at = pool) => linuxMounter.unmount(at),
    /** The kernel lets go of what had it a moment later. */
    mount: async (at = pool) => {
      const mounted = () =>
        mountPoolAgain(own, { pool: at, ...xfs }).then(
          () => true,
          () => false,
        );
      await expect.poll(mounted).toBe(true);
    },
  };
}

async function create({ controller }: DriverProcess, name: string, parameters: Record<string, string> = {}) {
  const volumeCapabilities = [capabilityOf({ mount: {} })];
  const capacityRange = { requiredBytes: '1000000', limitBytes: '0' };
  return (await controller.CreateVolume({ name, volumeCapabilities, capacityRange, parameters })).volume!.volumeId;
}

const idIn = (pool: string) => readFileSync(join(pool, 'pool-id'), 'utf8').trim();

test('a driver whose only disk is not mounted says so, writes nothing, and has all when it is', async () => {
  using place = driverFolder();
  const pool = join(place.folder, 'a');
  const flags = ['--pool', `${pool},mount=required`];
  const refused = expect.objectContaining({
    message: expect.stringMatching(/exited with 1: .*nothing is mounted at \S+\. Mount its disk, and start/),
  });
  // Not even the directory is made.
  await expect(startDriverProcess(place.folder, flags)).rejects.toEqual(refused);
  expect(existsSync(pool)).toBe(false);
  const disk = await diskAt(place.folder, 'a');
  const first = await startDriverProcess(place.folder, flags);
  const kept = await create(first, 'pvc-1');
  await first[Symbol.asyncDispose]();
  disk.unmount();
  await expect(startDriverProcess(place.folder, flags)).rejects.toEqual(refused);
  expect(runDriver('recover', ...flags)).toMatchObject({ code: 1, stderr: expect.stringContaining('is not there') });
  expect(readdirSync(pool)).toEqual([]);
  // As a container sees the bare directory of its host: mounted, and not a disk.
  linuxMounter.bind(join(place.folder, 'disk-a'), pool);
  await expect(startDriverProcess(place.folder, flags)).rejects.toThrow(/of another filesystem, and none of its own/);
  linuxMounter.unmount(pool);
  await disk.mount();
  await using again = await startDriverProcess(place.folder, flags);
  expect(await create(again, 'pvc-1')).toBe(kept);
});

test('a pool that has no volume yet is known by its id: its bare directory and another disk are not taken for it', async () => {
  using place = driverFolder();
  const [fast, slow] = [await diskAt(place.folder, 'fast'), await diskAt(place.folder, 'slow')];
  const pools = ['main', 'fast', 'slow'].flatMap((name) => ['--pool', `${name}=${join(place.folder, name)}`]);
  let driver = await startDriverProcess(place.folder, pools);
  await using _driver = { [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
  const restart = async (between: () => Promise<void>) => {
    await driver[Symbol.asyncDispose]();
    await between();
    driver = await startDriverProcess(place.folder, pools);
  };
  const [fastId, slowId] = [idIn(fast.pool), idIn(slow.pool)];
  const refusal = (words: string) =>
    expect.objectContaining({ code: 'UNAVAILABLE', message: expect.stringContaining(words) });
  const inSlow = await create(driver, 'in-slow', { pool: 'slow' });

  await restart(async () => fast.unmount());
  await expect(create(driver, 'a', { pool: 'fast' })).rejects.toEqual(refusal(`that says ${fastId}`));
  expect(readdirSync(fast.pool)).toEqual([]);
  const { backendHealth } = await driver.node.NodeGetStorageHealth({});
  expect(backendHealth.map(({ status, message }) => `${status} ${message}`)).toEqual([
    expect.stringMatching(/^STORAGE_UNREACHABLE pool "fast" at \S+ was not there when the driver started/),
  ]);
  // The others go on, and nothing lands where the disk should be.
  await create(driver, 'b');

  await restart(async () => {
    slow.unmount();
    await slow.mount(fast.pool);
  });
  const swapped = refusal(`says ${slowId}, which is the pool "slow", and not ${fastId}`);
  await expect(create(driver, 'a', { pool: 'fast' })).rejects.toEqual(swapped);
  await expect(driver.controller.DeleteVolume({ volumeId: inSlow })).rejects.toEqual(refusal(`that says ${slowId}`));
  expect(readdirSync(slow.pool)).toEqual([]);

  await restart(async () => {
    slow.unmount(fast.pool);
    await fast.mount();
    await slow.mount();
  });
  await create(driver, 'a', { pool: 'fast' });
  await driver.controller.DeleteVolume({ volumeId: inSlow });
  expect([idIn(fast.pool), idIn(slow.pool)]).toEqual([fastId, slowId]);
});

test('the first pool is not begun anew where another one was used with a catalog', async () => {
  using place = driverFolder();
  const main = await diskAt(place.folder, 'main');
  const fast = join(place.folder, 'fast');
  const pools = ['--pool', `main=${main.pool}`, '--pool', `fast=${fast}`];
  const first = await startDriverProcess(place.folder, pools);
  const kept = await create(first, 'pvc-1', { pool: 'main' });
  await first[Symbol.asyncDispose]();
  main.unmount();
  await expect(startDriverProcess(place.folder, pools)).rejects.toThrow(
    /exited with 1: .*"main" at \S+ has no catalog, though "fast".*mount its disk there/,
  );
  expect(readdirSync(main.pool)).toEqual([]);
  await main.mount();
  const again = await startDriverProcess(place.folder, pools);
  expect(await create(again, 'pvc-1', { pool: 'main' })).toBe(kept);
  await again[Symbol.asyncDispose]();

  // Lost for good, with nothing in the pools: `recover` begins anew where it is told to.
  main.unmount();
  expect(runDriver('recover', ...pools, '-o', 'json')).toMatchObject({ code: 0 });
  await using anew = await startDriverProcess(place.folder, pools);
  expect((await anew.controller.ListVolumes({})).entries).toEqual([]);
});

test('a pool that is full when it is to get its id is used all the same, and gets it later', async () => {
  using place = driverFolder();
  const fast = join(place.folder, 'fast');
  mountSmallDisk(fast, '1m');
  const pools = ['--pool', `main=${join(place.folder, 'main')}`, '--pool', `fast=${fast}`];
  const first = await startDriverProcess(place.folder, pools);
  const volumeId = await create(first, 'pvc-1', { pool: 'fast' });
  await first[Symbol.asyncDispose]();
  // As a driver left it that knew of no ids.
  const database = new DatabaseSync(join(place.folder, 'main/catalog.db'));
  database.exec('DELETE FROM pools');
  database.close();
  rmSync(join(fast, 'pool-id'));
  const full = fillDisk(fast);
  const second = await startDriverProcess(place.folder, pools);
  expect(existsSync(join(fast, 'pool-id'))).toBe(false);
  await second.controller.DeleteVolume({ volumeId });
  await second[Symbol.asyncDispose]();
  full[Symbol.dispose]();
  await using _third = await startDriverProcess(place.folder, pools);
  expect(idIn(fast)).toMatch(/^[-0-9a-f]{36}$/);
});
