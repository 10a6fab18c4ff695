import { type InProcessDriver, startInProcess } from './in-process-driver.ts';
import { checkKept, checkNothingLeft, Disturbed, make, repeat, undisturbed, wordsOf } from './life-checks.ts';
import { lifePlace } from './life-place.ts';
import { type Fault, type SystemCall, systemCallsEnded, watchSystemCalls } from './system-calls.ts';
import { type LifeKind, type LifeStep, VolumeLife } from './volume-life.ts';

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
  /** Changes of the first start after the crash. */
  readonly atRestart: readonly string[];
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
  let place = await lifePlace(kind.poolFs);
  let lives = 0;
  const live = (...points: (CrashPoint | undefined)[]) =>
    new CrashingLife({ kind, place, name: `life${lives++}` }, points).run();
  const renew = async () => {
    place[Symbol.dispose]();
    place = await lifePlace(kind.poolFs);
    await live();
  };
  return {
    /** `second`: where the start after the crash ends too. @throws where something was lost or is left. */
    live: (at?: CrashPoint, second?: CrashPoint) => undisturbed(() => live(at, second), renew),
    [Symbol.dispose]: () => place[Symbol.dispose](),
  };
}

interface Living {
  readonly kind: LifeKind;
  readonly place: { readonly folder: string; readonly pool: string };
  readonly name: string;
}

/** A whole life, with crashes and new starts in it. */
class CrashingLife {
  readonly #place: Living['place'];
  readonly #life: VolumeLife;
  readonly #crashes: Crash[];
  readonly #log: string[] = [];
  #next = 0;
  #running: { readonly tap: Disposable; readonly driver: InProcessDriver } | undefined;

  constructor({ kind, place, name }: Living, points: readonly (CrashPoint | undefined)[]) {
    this.#place = place;
    this.#crashes = points.map((point) => new Crash(point));
    this.#life = new VolumeLife({ kind, folder: place.folder, name, quietly: (work) => this.#crash.quietly(work) });
  }

  async run(): Promise<CrashedLife> {
    try {
      await this.#start();
      for (const step of this.#life.steps) await this.#live(step);
      await this.#end();
      this.#next++;
      await this.#start();
      await checkNothingLeft(this.#driver, this.#life, this.#place);
    } finally {
      await this.#end();
    }
    const [first, second] = this.#crashes as [Crash, Crash];
    return {
      changes: first.changes,
      crashed: first.dead,
      atRestart: second.changes.filter((c) => c.startsWith('start')),
    };
  }

  get #crash(): Crash {
    this.#crashes[this.#next] ??= new Crash(undefined);
    return this.#crashes[this.#next] as Crash;
  }

  get #driver(): InProcessDriver {
    return this.#running!.driver;
  }

  async #live(step: LifeStep): Promise<void> {
    for (let crashed = false; !(await this.#attempt(step, crashed)); crashed = true) {
      await this.#end();
      this.#next++;
      await this.#start();
      await checkKept(this.#driver, this.#life, { step, log: this.#log, pool: this.#place.pool });
    }
  }

  /** @returns false where the driver crashed meanwhile: whatever it answered, nobody heard. */
  async #attempt(step: LifeStep, again: boolean): Promise<boolean> {
    const crash = this.#crash;
    crash.step = step.what;
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

  /** Starts the driver, again and again where it crashes at that. */
  async #start(): Promise<void> {
    for (; !this.#running; this.#next++) {
      const crash = this.#crash;
      const tap = watchSystemCalls((call) => crash.watch(call));
      try {
        // A driver that is dead says nothing.
        const log = (line: string) => void (crash.dead || this.#log.push(line));
        this.#running = { tap, driver: await startInProcess({ ...this.#place, log }) };
        return;
      } catch (error) {
        await systemCallsEnded();
        tap[Symbol.dispose]();
        if (!crash.dead) throw error;
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
