import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DriverProcess, startDriverProcess, startProgram } from '../harness/driver-process.ts';
import { Ganesha } from '../harness/ganesha.ts';
import { make, repeat, wordsOf } from '../harness/life-checks.ts';
import { lifePlace } from '../harness/life-place.ts';
import { emptyShare, type LifeOnShare, ShareLife } from '../harness/share-life.ts';
import { type LifeStep, leftInPool } from '../harness/volume-life.ts';

/**
 * Each program of a life ends at this change, here or on the server, counted from its start, until as many have: other
 * places in each life. csi-nfs-failpoints.test.ts has every place of the controller's, in one process; here are mounts too.
 */
const places = [38, 47, 34, 61, 41, 52, 36, 44, 33, 57];
/** More lives, which end elsewhere, where asked. */
const lives = process.env['BERTH_EVERY_FAILPOINT'] === '1' ? 40 : 1;
const timeout = lives > 1 ? 7_200_000 : 240_000;

const program = join(import.meta.dirname, '../../csi-driver/src/main.ts');
const dieAt = join(import.meta.dirname, '../harness/die-at.ts');

let server: Ganesha;
beforeAll(async () => {
  server = await Ganesha.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

async function startDoomed(folder: string, at: number): Promise<DriverProcess> {
  process.env['BERTH_DIE_AT'] = `${at % 2 === 0 ? 'before' : 'after'} ${at}`;
  try {
    return await startProgram(folder, {
      node: ['--disable-warning=ExperimentalWarning', '--import', dieAt, program],
    });
  } finally {
    delete process.env['BERTH_DIE_AT'];
  }
}

/** @returns how many drivers died. */
async function live(share: LifeOnShare, deaths: readonly number[]): Promise<number> {
  await emptyShare(share);
  using place = await lifePlace();
  const life = new ShareLife({ share, folder: place.folder, name: 'life' });
  let died = 0;
  const start = async () => {
    const at = deaths[died];
    return at === undefined ? await startDriverProcess(place.folder) : await startDoomed(place.folder, at);
  };
  let driver = await start();
  const attempt = async (step: LifeStep): Promise<unknown> => {
    for (let again = false; ; again = true) {
      try {
        return await (again ? repeat(step, driver) : make(step, driver));
      } catch (error) {
        if (died === deaths.length || !(await hasDied(driver, error)))
          throw new Error(`${step.what} after ${died} deaths: ${wordsOf(error)}\n${driver.log()}`, { cause: error });
        await driver.kill();
        died++;
        driver = await start();
      }
    }
  };
  for (const step of life.steps) {
    const acknowledge = await attempt(step);
    if (typeof acknowledge === 'function') acknowledge();
  }
  await driver[Symbol.asyncDispose]();
  await using last = await startDriverProcess(place.folder);
  const left = async () => [
    ...(await last.controller.ListVolumes({})).entries.map(({ volume }) => volume!.volumeId),
    ...(await last.controller.ListSnapshots({})).entries.map(({ snapshot }) => snapshot!.snapshotId),
    ...leftInPool(place.pool),
    ...life.left(),
    ...place.mounts().map(({ mountPoint }) => `mount ${mountPoint}`),
    ...servedFrom(place.folder),
  ];
  await expect.poll(left, { timeout: 30_000 }).toEqual([]);
  return died;
}

/** Processes that serve mounts of a driver. */
function servedFrom(folder: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const words = /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0') : [];
      return words.includes('nfs-mount') && words.some((word) => word.startsWith(folder)) ? [words.join(' ')] : [];
    } catch {
      return [];
    }
  });
}

/** A connection is lost a moment before the end is known. */
async function hasDied({ child }: DriverProcess, error: unknown): Promise<boolean> {
  for (let looks = 0; child.signalCode === null && looks < 200; looks++) {
    if ((error as { code?: string }).code !== 'UNAVAILABLE') return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return child.signalCode === 'SIGKILL';
}

test('kill -9 of the program at a side effect, mounts and server included, loses and leaves nothing', {
  timeout,
}, async () => {
  const { host, export: path, root } = server;
  for (let i = 0; i < lives; i++) {
    const version = i % 2 === 0 ? '3' : '4.2';
    const share = { server: host, export: path, root, version, isMounted: true } as const;
    const died = await live(
      share,
      places.map((place) => place + i),
    );
    expect(died, `${i}`).toBeGreaterThanOrEqual(4);
  }
});
