import type { ChosenFault, FaultPlan } from './fault-plan.ts';
import { type InProcessDriver, startInProcess } from './in-process-driver.ts';
import { checkNothingLeft, Disturbed, make, repeat, undisturbed, wordsOf } from './life-checks.ts';
import { type LifeKind, lifeOf } from './life-kinds.ts';
import { lifePlace } from './life-place.ts';
import { type Fault, type SystemCall, systemCallsEnded, watchSystemCalls } from './system-calls.ts';
import type { LifeStep } from './volume-life.ts';

/** A system call that failed, and what came of it. */
export interface MetFault extends ChosenFault {
  /** What the call said that met it; undefined where it did without, or the fault came to nobody's ears. */
  readonly said: string | undefined;
}

/** A pool on which lives are lived one after the other, with one failing system call at most in each of their calls. */
export async function faultyPool(kind: LifeKind) {
  let place = await lifePlace(kind.poolFs, kind.poolMiB);
  let lives = 0;
  const live = (plan?: FaultPlan) => new FaultyLife({ kind, place, name: `life${lives++}` }, plan).run();
  const renew = async () => {
    place[Symbol.dispose]();
    place = await lifePlace(kind.poolFs, kind.poolMiB);
    await live();
  };
  return {
    /** Without a plan nothing fails. @throws where a call fails without a fault, a repetition fails, or something is left. */
    live: (plan?: FaultPlan) => undisturbed(() => live(plan), renew),
    [Symbol.dispose]: () => place[Symbol.dispose](),
  };
}

interface Living {
  readonly kind: LifeKind;
  readonly place: { readonly folder: string; readonly pool: string };
  readonly name: string;
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
    const nth = (this.#calls.get(call.name) ?? 0) + 1;
    this.#calls.set(call.name, nth);
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
