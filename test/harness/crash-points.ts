import { linuxMounter } from '@berth/linux';
import { imageFolder } from './image-driver.ts';
import { type InProcessDriver, startInProcess } from './in-process-driver.ts';
import { type Fault, type SystemCall, systemCallsEnded, watchSystemCalls } from './system-calls.ts';
import { type LifeKind, type LifeStep, leftInPool, loopsOf, VolumeLife } from './volume-life.ts';

/** At which change to the machine the driver ends: the n-th since it started, before or after it. */
export interface CrashPoint {
  readonly n: number;
  readonly when: 'before' | 'after';
}

/** What a life was when nothing disturbed it: its changes, each as `step: system call`. */
export interface CrashedLife {
  readonly changes: readonly string[];
  /** False where the life ended before it came so far. */
  readonly crashed: boolean;
}

class Crashed extends Error {}

/** Counts the changes of a driver in this process, and ends it at one: from then on nothing that it calls happens. */
class Crash {
  readonly changes: string[] = [];
  step = 'start';
  dead = false;
  readonly #at: CrashPoint | undefined;
  #quiet = false;

  constructor(at: CrashPoint | undefined) {
    this.#at = at;
  }

  readonly watch = (call: SystemCall): Fault | undefined => {
    if (this.#quiet) return undefined;
    if (this.dead) return { at: 'before', end: this.#end };
    if (!call.changes) return undefined;
    this.changes.push(`${this.step}: ${call.name}`);
    if (!this.#at || this.changes.length !== this.#at.n) return undefined;
    return { at: this.#at.when, end: this.#end };
  };

  /** For what the test does itself. Nothing of the driver runs meanwhile: it is synchronous. */
  readonly quietly = <T>(work: () => T): T => {
    this.#quiet = true;
    try {
      return work();
    } finally {
      this.#quiet = false;
    }
  };

  readonly #end = (): never => {
    this.dead = true;
    throw new Crashed('the driver has crashed');
  };
}

/** A pool on which lives are lived one after the other, each crashing where it is told. */
export async function crashingPool(kind: LifeKind) {
  const place = await imageFolder(kind.poolFs, 1024);
  let lives = 0;
  return {
    place,
    live: (at?: CrashPoint, second?: CrashPoint) => liveWithCrash({ kind, place, name: `life${lives++}`, at, second }),
    [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
  };
}

interface Living {
  readonly kind: LifeKind;
  readonly place: Awaited<ReturnType<typeof imageFolder>>;
  readonly name: string;
  readonly at: CrashPoint | undefined;
  /** Where the start after the first crash ends too. */
  readonly second: CrashPoint | undefined;
}

/** Lives a whole life, with a crash and a new start in it. @throws where something was lost or is left. */
async function liveWithCrash({ kind, place, name, at, second }: Living): Promise<CrashedLife> {
  const { folder, pool } = place;
  const log: string[] = [];
  let crash = new Crash(at);
  const quietly = <T>(work: () => T): T => crash.quietly(work);
  const life = new VolumeLife({ kind, folder, name, quietly });
  const start = async (next: Crash) => {
    crash = next;
    const tap = watchSystemCalls((call) => crash.watch(call));
    try {
      // A driver that is dead says nothing.
      const write = (line: string) => void (next.dead || log.push(line));
      return { tap, driver: await startInProcess({ folder, pool, log: write }) };
    } catch (error) {
      await systemCallsEnded();
      tap[Symbol.dispose]();
      if (!crash.dead) throw error;
      return undefined;
    }
  };
  const end = async (running: { tap: Disposable; driver: InProcessDriver }) => {
    await systemCallsEnded();
    try {
      await running.driver[Symbol.asyncDispose]();
    } catch (error) {
      if (!crash.dead) throw error;
    }
    await systemCallsEnded();
    running.tap[Symbol.dispose]();
  };
  const first = crash;
  const restarts = [second && new Crash(second), new Crash(undefined)].filter((one) => one !== undefined);
  const restart = async () => {
    for (const next of restarts) {
      const started = await start(next);
      if (started) return started;
    }
    throw new Error('the driver did not start again');
  };
  let running = (await start(first)) ?? (await restart());
  for (const step of life.steps) {
    crash.step = step.what;
    if (await attempt(step, running.driver, () => crash.dead)) continue;
    await end(running);
    running = await restart();
    await checkKept(running.driver, life, { step, log });
    crash.step = step.what;
    await again(step, running.driver);
  }
  await end(running);
  if (crash.dead) running = await restart();
  else running = (await start(new Crash(undefined))) as typeof running;
  await checkNothingLeft(running.driver, life, { folder, pool });
  await end(running);
  return { changes: first.changes, crashed: first.dead };
}

/** @returns false where the driver crashed meanwhile: whatever it answered, nobody heard. */
async function attempt(step: LifeStep, driver: InProcessDriver, dead: () => boolean): Promise<boolean> {
  try {
    const acknowledge = await step.run(driver);
    if (dead()) return false;
    if (typeof acknowledge === 'function') acknowledge();
    return true;
  } catch (error) {
    if (dead()) return false;
    throw new Error(`${step.what}: ${describe(error)}`, { cause: error });
  }
}

/** A caller repeats what was interrupted, and waits where it is told that something is still under way. */
export async function again(step: LifeStep, driver: InProcessDriver): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      const acknowledge = await step.run(driver);
      if (typeof acknowledge === 'function') acknowledge();
      return;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== 'ABORTED' || tries >= 100)
        throw new Error(`repeated ${step.what}: ${describe(error)}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function describe(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return `${code} ${message}`;
}

/** What was answered is there after the crash, and nothing else that a later delete could not reach. */
export async function checkKept(
  driver: InProcessDriver,
  life: VolumeLife,
  { step, log }: { readonly step: LifeStep; readonly log: readonly string[] },
): Promise<void> {
  const listed = await everythingListed(driver);
  for (const [name, id] of life.acknowledged) {
    if (listed.has(id) || step.what.startsWith('Delete')) continue;
    throw new Error(`${name} was answered and is lost`);
  }
  const bad = log.find((line) => /missing from the pool|does not know|ERROR|error /.test(line));
  if (bad !== undefined) throw new Error(`the start after the crash says: ${bad}`);
}

async function everythingListed({ controller }: InProcessDriver): Promise<Set<string>> {
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
  driver: InProcessDriver,
  life: VolumeLife,
  { folder, pool }: { readonly folder: string; readonly pool: string },
): Promise<void> {
  const left = async () => [
    ...(await everythingListed(driver)),
    ...leftInPool(pool),
    ...loopsOf(life.ids),
    ...linuxMounter
      .mounts()
      .filter(({ mountPoint }) => mountPoint.startsWith(`${folder}/`) && mountPoint !== pool)
      .map(({ mountPoint }) => `mount ${mountPoint}`),
  ];
  const deadline = Date.now() + 5000;
  for (let rest = await left(); rest.length > 0; rest = await left()) {
    if (Date.now() > deadline) throw new Error(`left behind: ${rest.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
