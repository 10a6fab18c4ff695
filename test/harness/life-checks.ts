import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { linuxMounter, listLoops } from '@berth/linux';
import type { Life, LifeClients, LifeStep } from './life.ts';
import { leftInPool, loopsOf } from './life-traces.ts';

/** A caller repeats what was interrupted, and waits where it is told that something is still under way. */
export async function repeat(step: LifeStep, driver: LifeClients): Promise<unknown> {
  for (let tries = 0; ; tries++) {
    try {
      return await make(step, driver);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ABORTED' || tries >= 1500) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Somebody else on the machine has what the test needs; the driver has not. */
export class Disturbed extends Error {}

/** Does it again from the beginning where somebody else on the machine was in the way. */
export async function undisturbed<T>(work: () => Promise<T>, renew?: () => Promise<void>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Disturbed) || tries >= 5) throw error;
      await renew?.();
    }
  }
}

/**
 * Makes the call. What runs beside the test, a container that is just starting, may hold every mount of the machine for
 * a while, and with it the devices: the driver says so, and its caller asks again.
 */
export async function make(step: LifeStep, driver: LifeClients): Promise<unknown> {
  for (let tries = 0; ; tries++) {
    try {
      return await step.run(driver);
    } catch (error) {
      if (isMountedElsewhere(wordsOf(error))) {
        if (tries < 2) continue;
        throw new Disturbed(wordsOf(error));
      }
      const device = deviceIn(wordsOf(error));
      if (device === undefined) throw error;
      if (tries < 2) continue;
      const users = usersOf(device);
      const words = `${wordsOf(error)}: ${users.map(({ what }) => what).join(', ')}`;
      throw users.some(({ pid }) => pid !== process.pid) ? new Disturbed(words) : new Error(words);
    }
  }
}

/** Somebody who copied all mounts has one that is gone here. No program of a driver has mounts of its own. */
function isMountedElsewhere(words: string): boolean {
  const pid = /in the mount namespace of process (\d+)/.exec(words)?.[1];
  return pid !== undefined && Number(pid) !== process.pid;
}

/** The loop device that an error says is in somebody's use, by its name or by its volume's. */
function deviceIn(words: string): string | undefined {
  const named = /still in use: a process has \/dev\/(loop\d+)/.exec(words)?.[1];
  const volume = /volume "([^"]+)" is in use as a block device/.exec(words)?.[1];
  if (named !== undefined || volume === undefined) return named;
  const loop = listLoops().find(({ backingFile }) => backingFile.endsWith(`/${volume}`));
  return loop && `loop${loop.number}`;
}

/** Who has a loop device: open, or mounted in a namespace of its own. */
function usersOf(device: string): { readonly pid: number; readonly what: string }[] {
  const number = `7:${device.slice(4)}`;
  const own = readlinkSync('/proc/self/ns/mnt');
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap((pid) => {
      try {
        const what = `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').slice(0, 80)}`;
        const fds = readdirSync(`/proc/${pid}/fd`);
        const opens = fds.some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === `/dev/${device}`);
        const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n');
        const elsewhere = readlinkSync(`/proc/${pid}/ns/mnt`) !== own;
        const mounted = elsewhere && mounts.some((line) => line.split(' ')[2] === number);
        return opens || mounted ? [{ pid: Number(pid), what }] : [];
      } catch {
        return [];
      }
    });
}

/** An error of a call in one line. */
export function wordsOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return `${code} ${message}`;
}

/** What was answered is there after the crash, and nothing else that a later delete could not reach. */
export async function checkKept(
  driver: LifeClients,
  life: Life,
  { step, log, pool }: { readonly step: LifeStep; readonly log: readonly string[]; readonly pool: string },
): Promise<void> {
  const listed = await everythingListed(driver);
  for (const [name, id] of life.acknowledged) {
    if (listed.has(id) || step.what.startsWith('Delete')) continue;
    throw new Error(`${name} was answered and is lost`);
  }
  // What nobody will ever ask for again would stay for good.
  const unknown = dataIn(pool).filter((id) => !listed.has(id));
  if (unknown.length > 0) throw new Error(`the start after the crash left ${unknown.join(', ')}`);
  const bad = log.find((line) => /missing from the pool|does not know|ERROR|error /.test(line));
  if (bad !== undefined) throw new Error(`the start after the crash says: ${bad}`);
  // On a server it goes as soon as that answers.
  await gone('the start after the crash left', async () => life.strays?.(await everythingListed(driver)) ?? []);
}

/** Ids of volumes and snapshots that have data in the pool. */
function dataIn(pool: string): string[] {
  const folders = readdirSync(pool).filter((name) =>
    /^(volumes|images|subvolumes|(image-|subvolume-)?snapshots)$/.test(name),
  );
  return folders.flatMap((folder) => readdirSync(join(pool, folder)));
}

async function everythingListed({ controller }: LifeClients): Promise<Set<string>> {
  const [{ entries: volumes }, { entries: snapshots }] = await Promise.all([
    controller.ListVolumes({}),
    controller.ListSnapshots({}),
  ]);
  return new Set([
    ...volumes.map(({ volume }) => volume!.volumeId),
    ...snapshots.map(({ snapshot }) => snapshot!.snapshotId),
  ]);
}

export async function checkNothingLeft(
  driver: LifeClients,
  life: Life,
  { folder, pool, disks = [] }: { readonly folder: string; readonly pool: string; readonly disks?: readonly string[] },
): Promise<void> {
  const known = [pool, join(folder, 'pool'), ...disks.map((name) => join(folder, name))];
  const left = async () => [
    ...(await everythingListed(driver)),
    ...leftInPool(pool),
    ...(life.left?.() ?? []),
    ...loopsOf(life.ids),
    ...linuxMounter
      .mounts()
      .filter(({ mountPoint }) => mountPoint.startsWith(`${folder}/`) && !known.includes(mountPoint))
      .map(({ mountPoint }) => `mount ${mountPoint}`),
  ];
  await gone('left behind:', left);
}

/** What goes in the background gets this long. */
const patienceMs = 60_000;

async function gone(what: string, left: () => Promise<readonly string[]>): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (let rest = await left(); rest.length > 0; rest = await left()) {
    if (Date.now() > deadline) throw new Error(`${what} ${rest.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
