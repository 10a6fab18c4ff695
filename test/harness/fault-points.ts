import { type InProcessDriver, startInProcess } from './in-process-driver.ts';
import { checkNothingLeft, Disturbed, make, repeat, undisturbed, wordsOf } from './life-checks.ts';
import { lifePlace } from './life-place.ts';
import { type Fault, type SystemCall, systemCallsEnded, watchSystemCalls } from './system-calls.ts';
import { type LifeKind, type LifeStep, VolumeLife } from './volume-life.ts';

/** Which system call fails, of whichever kind: the n-th since the driver started. */
export interface FaultPoint {
  readonly n: number;
  readonly errno: string;
}

export interface FaultyLife {
  /** Each as `step: system call`. */
  readonly calls: readonly string[];
  /** Which of them change something. */
  readonly changes: readonly boolean[];
  /** The call that met the fault. */
  readonly hit: string | undefined;
  /** What the call said that met the fault; undefined where it did without, or the fault came to nobody's ears. */
  readonly said: string | undefined;
}

/** A pool on which lives are lived one after the other, one system call of each failing. */
export async function faultyPool(kind: LifeKind) {
  let place = await lifePlace(kind.poolFs);
  let lives = 0;
  const live = (at?: FaultPoint) => liveWithFault({ kind, place, name: `life${lives++}`, at });
  const renew = async () => {
    place[Symbol.dispose]();
    place = await lifePlace(kind.poolFs);
    await live();
  };
  return {
    /** @throws where a call fails without a fault, a repetition fails, or something is left. */
    live: (at?: FaultPoint) => undisturbed(() => live(at), renew),
    [Symbol.dispose]: () => place[Symbol.dispose](),
  };
}

interface Living {
  readonly kind: LifeKind;
  readonly place: { readonly folder: string; readonly pool: string };
  readonly name: string;
  readonly at: FaultPoint | undefined;
}

async function liveWithFault({ kind, place, name, at }: Living): Promise<FaultyLife> {
  const calls: { readonly label: string; readonly changes: boolean }[] = [];
  let [step, quiet, said] = ['start', false, undefined as string | undefined];
  const watch = (call: SystemCall): Fault | undefined => {
    if (quiet) return undefined;
    calls.push({ label: `${step}: ${call.name}`, changes: call.changes });
    return at && calls.length === at.n ? { at: 'errno', errno: at.errno } : undefined;
  };
  const quietly = <T>(work: () => T): T => {
    quiet = true;
    try {
      return work();
    } finally {
      quiet = false;
    }
  };
  const met = () => at !== undefined && calls.length >= at.n;
  const failing = async <T>(work: () => Promise<T>, again: () => Promise<T>): Promise<T> => {
    const before = met();
    try {
      return await work();
    } catch (error) {
      if (error instanceof Disturbed) throw error;
      if (before || !met()) throw new Error(`${step}: ${wordsOf(error)}`, { cause: error });
      said = wordsOf(error);
      return await again();
    }
  };
  const start = () => startInProcess({ ...place, log: () => undefined });
  const life = new VolumeLife({ kind, folder: place.folder, name, quietly });
  const tap = watchSystemCalls(watch);
  try {
    const driver = await failing(start, start);
    for (const next of life.steps) {
      step = next.what;
      await acknowledged(next, driver, failing);
    }
    await systemCallsEnded();
    await driver[Symbol.asyncDispose]();
  } finally {
    tap[Symbol.dispose]();
  }
  await using after = await start();
  await checkNothingLeft(after, life, place);
  return {
    calls: calls.map(({ label }) => label),
    changes: calls.map(({ changes }) => changes),
    hit: at && calls[at.n - 1]?.label,
    said,
  };
}

type Failing = <T>(work: () => Promise<T>, again: () => Promise<T>) => Promise<T>;

async function acknowledged(step: LifeStep, driver: InProcessDriver, failing: Failing): Promise<void> {
  const again = () =>
    repeat(step, driver).catch((error: unknown) => {
      if (error instanceof Disturbed) throw error;
      throw new Error(`repeated ${step.what}: ${wordsOf(error)}`, { cause: error });
    });
  const acknowledge = await failing(() => make(step, driver), again);
  if (typeof acknowledge === 'function') acknowledge();
}
