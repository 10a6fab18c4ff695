/** A change to the machine that a driver is about to make. */
export interface Change {
  /** The call that is under way, with the name of its volume; or `start`, and what a start follows. */
  readonly during: string;
  readonly call: string;
  /** How many of its kind this call made, with this one: what runs side by side comes in any order. */
  readonly nth: number;
}

export interface ChosenCrash {
  readonly point: string;
  /** `after`: the change is made, and the driver never learns. */
  readonly when: 'before' | 'after';
}

/**
 * Where drivers are to end, over many lives, until each place was had: every change of every call, before it and after it,
 * or one of each kind of change in each kind of call. A place is had again as long as the start
 * after it finds new places: what it is to end is what its kind of call leaves, so they count by that.
 */
export class CrashPlan {
  /** The places that were had, and how often. */
  readonly tried = new Map<string, number>();
  readonly #every: boolean;
  readonly #only: RegExp;
  readonly #exhausted = new Set<string>();
  /** How often a start that has nothing to end makes each kind of change. */
  readonly #quiet = new Map<string, number>();

  constructor({ every = false, only = '' }: { readonly every?: boolean; readonly only?: string | undefined }) {
    this.#every = every;
    this.#only = new RegExp(only);
  }

  /** Hears what a start does that has nothing to end. */
  learnQuietStart(calls: Iterable<string>): void {
    this.#quiet.clear();
    for (const call of calls) this.#quiet.set(call, (this.#quiet.get(call) ?? 0) + 1);
  }

  /** @returns undefined where the driver is to go on. */
  choose(change: Change): ChosenCrash | undefined {
    const isUsual = change.during.startsWith('start after') && change.nth <= (this.#quiet.get(change.call) ?? 0);
    for (const when of this.#every ? (['before', 'after'] as const) : [this.#inTurn()]) {
      const point = this.#pointOf(isUsual ? { ...change, during: 'start' } : change, when);
      if (this.#exhausted.has(point) || !this.#only.test(point)) continue;
      this.tried.set(point, (this.tried.get(point) ?? 0) + 1);
      // What follows a start that crashed is any start.
      if (change.during.startsWith('start')) this.#exhausted.add(point);
      return { point, when };
    }
    return undefined;
  }

  /** A start after this place had no new one. */
  exhaust(point: string): void {
    this.#exhausted.add(point);
  }

  #inTurn(): 'before' | 'after' {
    return this.tried.size % 2 === 0 ? 'before' : 'after';
  }

  #pointOf({ during, call, nth }: Change, when: string): string {
    if (this.#every) return `${during.replace(/life\d+-/, '')}: ${when} ${call} (${nth})`;
    return `${during.replace(/ ?life\d+-.*/, '')}: ${call}`;
  }
}
