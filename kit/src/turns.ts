import { systemClock } from './clock.ts';

/** What waits does so once a turn has computed for so long: with what comes back in it a turn stays below 50 ms. */
const longTurnMs = 10;

/** The turn of the event loop that is going on. */
class LoopTurn {
  #began: { readonly atMs: number; readonly usedMs: number } | undefined;
  #next: (() => void)[] = [];

  /** Calls `run` in the next turn. */
  next(run: () => void): void {
    if (this.#next.length === 0) setImmediate(() => this.#begin());
    this.#next.push(run);
  }

  /** From here on it is told how long this turn takes, unless it is already; it has a next. */
  measure(): void {
    this.#began ??= { atMs: systemClock.monotonicMs(), usedMs: usedMs() };
  }

  get isLong(): boolean {
    const began = this.#began;
    // On a busy machine more time passes than this thread has. To ask for that takes a microsecond.
    return (
      began !== undefined && systemClock.monotonicMs() - began.atMs > longTurnMs && usedMs() - began.usedMs > longTurnMs
    );
  }

  #begin(): void {
    this.#began = undefined;
    const runs = this.#next;
    this.#next = [];
    for (const run of runs) run();
  }
}

/** The processor time of this thread. */
function usedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** A thread has one event loop. */
const loopTurn = new LoopTurn();

interface Waiting {
  readonly units: number;
  readonly go: () => void;
}

/**
 * What one turn of the event loop has room for, shared out among all who ask: what came in goes first, what has been
 * going on for a while takes turns. A turn that takes long, whatever of, has room for one piece of each kind.
 */
export class Turns {
  readonly #unitsATurn: number;
  readonly #arrived: Waiting[] = [];
  readonly #goingOn: Waiting[] = [];
  #spent = 0;
  #isArmed = false;

  /** `unitsATurn`: of the work that is asked for, in units of the asker's. A piece that is larger has a turn of its own. */
  constructor(unitsATurn: number) {
    this.#unitsATurn = unitsATurn;
  }

  /** Before work that just came in. A promise: this turn has had enough, wait for it. */
  arrive(units: number): Promise<void> | undefined {
    return this.#take(this.#arrived, units);
  }

  /** The same before the next step of something long. */
  goOn(units: number): Promise<void> | undefined {
    return this.#take(this.#goingOn, units);
  }

  /** Others first, in any case. */
  rest(): Promise<void> {
    return this.#wait(this.#goingOn, this.#unitsATurn);
  }

  #take(queue: Waiting[], units: number): Promise<void> | undefined {
    if (queue.length > 0 || !this.#hasRoom(units)) return this.#wait(queue, units);
    this.#spend(units);
    return undefined;
  }

  #wait(queue: Waiting[], units: number): Promise<void> {
    return new Promise((go) => {
      queue.push({ units, go });
      this.#arm();
    });
  }

  #hasRoom(units: number): boolean {
    if (this.#spent === 0) return true;
    loopTurn.measure();
    return this.#spent + units <= this.#unitsATurn && !loopTurn.isLong;
  }

  #spend(units: number): void {
    this.#spent += units;
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    loopTurn.next(() => this.#turn());
  }

  #turn(): void {
    this.#isArmed = false;
    this.#spent = 0;
    if (this.#arrived.length === 0 && this.#goingOn.length === 0) return;
    loopTurn.measure();
    this.#letGo(this.#arrived);
    // One step of what goes on fits in any case, however many come in.
    this.#letGo(this.#goingOn);
    this.#afterThose();
  }

  /** One after the other: how long each takes shows once it waits for something else. */
  #afterThose(): void {
    // A tick comes behind all promises, but those that are queued come behind all ticks.
    queueMicrotask(() => process.nextTick(() => this.#letMoreGo()));
  }

  #letMoreGo(): void {
    const queue = [this.#arrived, this.#goingOn].find(([next]) => next && this.#hasRoom(next.units));
    if (!queue) return;
    this.#letGo(queue);
    this.#afterThose();
  }

  #letGo(queue: Waiting[]): void {
    const next = queue.shift();
    if (!next) return;
    this.#spend(next.units);
    next.go();
  }
}

/** Steps so small that to wait for each behind others would take longer than it does: some are asked for together, once they are done. */
export class SmallSteps {
  readonly #turns: Turns;
  readonly #together: number;
  #units = 0;

  /** `together`: in units of `turns`. */
  constructor(turns: Turns, together: number) {
    this.#turns = turns;
    this.#together = together;
  }

  /** As {@link Turns.goOn}. */
  goOn(units: number): Promise<void> | undefined {
    this.#units += units;
    if (this.#units < this.#together) return undefined;
    const done = this.#units;
    this.#units = 0;
    return this.#turns.goOn(done);
  }
}
