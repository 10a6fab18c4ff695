import type { ChosenFault, FaultPlan } from './fault-plan.ts';
import { type InProcessDriver, startInProcess } from './in-process-driver.ts';
import type { LifeStep } from './life.ts';
import { checkNothingLeft, Disturbed, make, repeat, wordsOf } from './life-checks.ts';
import { type LifeKind, lifeOf } from './life-kinds.ts';
import { type Living, lifePool } from './life-pool.ts';
import { type Fault, type SystemCall, systemCallsEnded, watchSystemCalls } from './system-calls.ts';

/** What each is told as. A path that answers EIO is taken for a broken mount, which is not what was asked for; a pool for one that is gone. */
const codes: Readonly<Record<string, readonly string[]>> = {
  ENOSPC: ['RESOURCE_EXHAUSTED'],
  EIO: ['INTERNAL', 'DATA_LOSS', 'FAILED_PRECONDITION', 'NOT_FOUND', 'UNAVAILABLE'],
  EROFS: ['FAILED_PRECONDITION'],
  EBUSY: ['FAILED_PRECONDITION', 'ABORTED'],
  EMFILE: ['UNAVAILABLE'],
  NFS3ERR_IO: ['UNAVAILABLE', 'INTERNAL'],
  NFS3ERR_NOSPC: ['RESOURCE_EXHAUSTED'],
  NFS3ERR_ROFS: ['FAILED_PRECONDITION'],
  NFS3ERR_DQUOT: ['RESOURCE_EXHAUSTED'],
  NFS3ERR_STALE: ['UNAVAILABLE'],
  // It is asked again, and told to nobody.
  NFS3ERR_JUKEBOX: [],
};

/** As many tell what is wrong. */
const enoughFailures = 20;

/** A system call that failed, and what came of it. */
interface MetFault extends ChosenFault {
  /** What the call said that met it; undefined where it did without, or the fault came to nobody's ears. */
  readonly said: string | undefined;
}

/**
 * Lives with one failing system call at most in each of their calls, until one had nothing new.
 * @returns what is wrong, and the errors that callers heard of.
 */
export async function failAll(kind: LifeKind, plan: FaultPlan) {
  const failures: string[] = [];
  const told = new Set<string>();
  using pool = await lifePool(kind, (living, given?: FaultPlan) => new FaultyLife(living, given).run());
  for (let tried = -1; tried < plan.tried.size && failures.length < enoughFailures; ) {
    tried = plan.tried.size;
    try {
      for (const fault of await pool.live(plan)) {
        const objection = objectionTo(fault);
        if (objection !== undefined) failures.push(objection);
        if (fault.said !== undefined) told.add(fault.errno);
      }
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  return { failures, told: [...told].sort() };
}

function objectionTo({ point, errno, said }: MetFault): string | undefined {
  if (said === undefined) return undefined;
  const what = `${errno} at ${point} was told as ${said}`;
  if (said.includes('unexpected')) return what;
  const code = said.split(' ', 1)[0] as string;
  return point.startsWith('start') || codes[errno]?.includes(code) ? undefined : what;
}

class FaultyLife {
  readonly #living: Living;
  readonly #plan: FaultPlan | undefined;
  readonly #met: MetFault[] = [];
  #during = 'start';
  readonly #calls = new Map<string, number>();
  /** What failed in the call under way. */
  #fault: ChosenFault | undefined;
  #isArmed: boolean;
  #quiet = false;

  constructor(living: Living, plan: FaultPlan | undefined) {
    this.#living = living;
    this.#plan = plan;
    this.#isArmed = plan !== undefined;
  }

  async run(): Promise<readonly MetFault[]> {
    const { kind, place, name } = this.#living;
    const start = () => startInProcess({ ...place, log: () => undefined });
    const life = lifeOf({ kind, folder: place.folder, name, quietly: (work) => this.#quietly(work) });
    const tap = watchSystemCalls((call) => this.#watch(call));
    try {
      const driver = await this.#failing('start', start, start);
      for (const step of life.steps) await this.#live(step, driver);
      await systemCallsEnded();
      this.#isArmed = false;
      await driver[Symbol.asyncDispose]();
      tap[Symbol.dispose]();
      await using after = await start();
      await checkNothingLeft(after, life, place);
    } catch (error) {
      if (error instanceof Disturbed) throw error;
      const faults = this.#met.map(({ point, errno }) => `${errno} at ${point}`).join('; ');
      throw new Error(`${wordsOf(error)} (faults: ${faults})`, { cause: error });
    } finally {
      tap[Symbol.dispose]();
    }
    return this.#met;
  }

  async #live(step: LifeStep, driver: InProcessDriver): Promise<void> {
    const again = () =>
      repeat(step, driver).catch((error: unknown) => {
        if (error instanceof Disturbed) throw error;
        throw new Error(`repeated ${step.what}: ${wordsOf(error)}`, { cause: error });
      });
    const acknowledge = await this.#failing(step.what, () => make(step, driver), again);
    if (typeof acknowledge === 'function') acknowledge();
  }

  async #failing<T>(during: string, work: () => Promise<T>, again: () => Promise<T>): Promise<T> {
    this.#during = during;
    this.#calls.clear();
    this.#fault = undefined;
    this.#isArmed = this.#plan !== undefined;
    let said: string | undefined;
    try {
      return await work();
    } catch (error) {
      if (error instanceof Disturbed) throw error;
      if (!this.#fault) throw new Error(`${during}: ${wordsOf(error)}`, { cause: error });
      said = wordsOf(error);
      this.#isArmed = false;
      return await again();
    } finally {
      this.#isArmed = false;
      const fault = this.#fault as ChosenFault | undefined;
      if (fault) this.#met.push({ ...fault, said });
    }
  }

  #watch(call: SystemCall): Fault | undefined {
    if (this.#quiet) return undefined;
    // Of a look at all devices of the machine, which may be hundreds, one call fails.
    const what = call.at ?? call.name;
    const nth = (this.#calls.get(what) ?? 0) + 1;
    this.#calls.set(what, nth);
    if (!this.#isArmed) return undefined;
    const fault = this.#plan?.choose({ during: this.#during, call, nth });
    if (!fault) return undefined;
    this.#fault = fault;
    this.#isArmed = false;
    return { at: 'errno', errno: fault.errno };
  }

  #quietly<T>(work: () => T): T {
    this.#quiet = true;
    try {
      return work();
    } finally {
      this.#quiet = false;
    }
  }
}
