import { join } from 'node:path';
import type { CrashPlan } from './crash-plan.ts';
import { type InProcessDriver, type NamedPool, startInProcess } from './in-process-driver.ts';
import type { Life, LifeStep } from './life.ts';
import { checkKept, checkNothingLeft, Disturbed, make, repeat, undisturbed, wordsOf } from './life-checks.ts';
import { type LifeKind, lifeOf } from './life-kinds.ts';
import { emptyPlace, type Living, lifePool } from './life-pool.ts';
import { type Fault, type SystemCall, systemCallsEnded, watchSystemCalls } from './system-calls.ts';

class Crashed extends Error {}

export interface CrashedLife {
  /** Where it crashed. */
  readonly points: readonly string[];
  /** Changes of its last start, which had nothing to end. */
  readonly atRestart: readonly string[];
}

/** Watches one driver in this process, and ends it where the plan says: from then on nothing that it calls happens. */
class Crash {
  readonly calls: string[] = [];
  dead = false;
  /** Where it ended, or is to end. */
  point: string | undefined;
  readonly #plan: CrashPlan | undefined;
  #during: string;
  #from = 0;
  #isArmed: boolean;
  #quiet = false;

  /** Without a plan it never ends; where not armed, not before the next call. */
  constructor(during: string, plan: CrashPlan | undefined, isArmed: boolean) {
    this.#during = during;
    this.#plan = plan;
    this.#isArmed = isArmed;
  }

  /** A new call begins. At `isSafe` ones the driver does not end. */
  enter(during: string, isSafe: boolean): void {
    this.#during = during;
    this.#from = this.calls.length;
    this.#isArmed = this.point === undefined && !isSafe;
  }

  readonly watch = (call: SystemCall): Fault | undefined => {
    if (this.#quiet) return undefined;
    if (this.dead) return { at: 'before', end: this.#end };
    if (!call.changes) return undefined;
    this.calls.push(call.name);
    const own = this.calls.slice(this.#from);
    const nth = own.filter((name) => name === call.name).length;
    const change = { during: this.#during, call: call.name, nth };
    const chosen = this.#isArmed ? this.#plan?.choose(change) : undefined;
    if (!chosen) return undefined;
    this.#isArmed = false;
    this.point = chosen.point;
    return { at: chosen.when, end: this.#end };
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

/** As many tell what is wrong. */
const enoughFailures = 10;

/** Lives with crashes as planned, one at most in each call and one in the start after it, until one had none. @returns what is wrong. */
export async function crashAll(kind: LifeKind, plan: CrashPlan): Promise<string[]> {
  const failures: string[] = [];
  using pool = await lifePool(kind, (living, given?: CrashPlan) => new CrashingLife(living, given).run());
  plan.learnQuietStart((await pool.live()).atRestart);
  for (let isOver = false; !isOver && failures.length < enoughFailures; ) {
    await pool.live(plan).then(
      ({ points }) => {
        isOver = points.length === 0;
      },
      (error: Error) => failures.push(error.message),
    );
  }
  return failures;
}

/**
 * First starts there ever are on pools, each ended as planned, with a whole life after it, until one had no new place. With
 * `beside` the catalog is in another pool than the one that is looked at.
 */
export async function crashFirstStarts(kind: LifeKind, plan: CrashPlan, beside = false): Promise<string[]> {
  const failures: string[] = [];
  for (let tried = -1; tried < plan.tried.size && failures.length < enoughFailures; ) {
    tried = plan.tried.size;
    const live = async () => {
      using base = await emptyPlace(kind);
      const pools = [
        { name: 'main', path: join(base.folder, 'main') },
        { name: 'other', path: base.pool },
      ];
      const place = beside ? { ...base, pools } : base;
      await new CrashingLife({ kind, place, name: 'life0' }, undefined).run('start of a new pool', plan);
    };
    await undisturbed(live).catch(({ message }: Error) => failures.push(message));
  }
  return failures;
}

type CrashPlace = Living['place'] & { readonly pools?: readonly NamedPool[] };

/** A whole life, with crashes and new starts in it. */
class CrashingLife {
  readonly #place: CrashPlace;
  readonly #life: Life;
  readonly #plan: CrashPlan | undefined;
  readonly #log: string[] = [];
  readonly #points: string[] = [];
  #crash = new Crash('', undefined, false);
  #running: { readonly tap: Disposable; readonly driver: InProcessDriver } | undefined;

  constructor({ kind, place, name }: Living & { readonly place: CrashPlace }, plan: CrashPlan | undefined) {
    this.#place = place;
    this.#plan = plan;
    this.#life = lifeOf({ kind, folder: place.folder, name, quietly: (work) => this.#crash.quietly(work) });
  }

  async run(first = 'start', plan = this.#plan): Promise<CrashedLife> {
    try {
      await this.#start(first, plan);
      for (const step of this.#life.steps) await this.#live(step);
      await this.#end();
      await this.#start('start', undefined);
      await checkNothingLeft(this.#driver, this.#life, this.#place);
    } catch (error) {
      if (error instanceof Disturbed) throw error;
      for (const point of this.#points) this.#plan?.exhaust(point);
      throw new Error(`${wordsOf(error)} (crashes: ${this.#points.join('; ')})`, { cause: error });
    } finally {
      await this.#end();
    }
    return { points: this.#points, atRestart: this.#crash.calls };
  }

  get #driver(): InProcessDriver {
    return this.#running!.driver;
  }

  async #live(step: LifeStep): Promise<void> {
    this.#crash.enter(step.what, this.#plan === undefined);
    for (let again = false; !(await this.#attempt(step, again)); again = true) {
      const { point = '' } = this.#crash;
      this.#points.push(point);
      const isNew = await this.#startAnew(step);
      if (!isNew) this.#plan?.exhaust(point);
      this.#crash.enter(step.what, true);
    }
  }

  /**
   * Starts until what a crash left is ended, be it in the background; the first of these starts may crash too.
   * @returns whether it did.
   */
  async #startAnew(step: LifeStep): Promise<boolean> {
    for (let crashed = false; ; ) {
      await this.#end();
      crashed = (await this.#start(`start after ${step.what}`, crashed ? undefined : this.#plan)) || crashed;
      const crash = this.#crash;
      try {
        await checkKept(this.#driver, this.#life, { step, log: this.#log, pool: this.#place.pool });
        if (!crash.dead) return crashed;
      } catch (error) {
        if (!crash.dead) throw error;
      }
      this.#points.push(crash.point ?? '');
      crashed = true;
    }
  }

  /** @returns false where the driver crashed meanwhile: whatever it answered, nobody heard. */
  async #attempt(step: LifeStep, again: boolean): Promise<boolean> {
    const crash = this.#crash;
    try {
      const acknowledge = await (again ? repeat(step, this.#driver) : make(step, this.#driver));
      if (crash.dead) return false;
      if (typeof acknowledge === 'function') acknowledge();
      return true;
    } catch (error) {
      if (crash.dead) return false;
      if (error instanceof Disturbed) throw error;
      throw new Error(`${again ? 'repeated ' : ''}${step.what}: ${wordsOf(error)}`, { cause: error });
    }
  }

  /** Starts the driver, and once more where it crashes at that. @returns whether it did. */
  async #start(during: string, plan: CrashPlan | undefined): Promise<boolean> {
    for (let crashes = 0; ; crashes++) {
      // What runs on from a crashed driver is dead still: the one that watches stays its own.
      const crash = new Crash(during, plan ?? this.#plan, plan !== undefined && crashes === 0);
      this.#crash = crash;
      const tap = watchSystemCalls((call) => crash.watch(call));
      const { folder, pool, pools } = this.#place;
      try {
        // A driver that is dead says nothing.
        const log = (line: string) => void (crash.dead || this.#log.push(line));
        this.#running = { tap, driver: await startInProcess({ folder, pool: pools ?? pool, log }) };
        return crashes > 0;
      } catch (error) {
        await systemCallsEnded();
        tap[Symbol.dispose]();
        if (!crash.dead) throw error;
        this.#points.push(crash.point ?? '');
      }
    }
  }

  async #end(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    await systemCallsEnded();
    try {
      await running.driver[Symbol.asyncDispose]();
    } catch (error) {
      if (!this.#crash.dead) throw error;
    }
    await systemCallsEnded();
    running.tap[Symbol.dispose]();
  }
}
