import type { Clock } from '@berth/kit';

/** How old an answer may become before it is asked for again (upstream's successfulUpdateDelay). */
const freshMs = 60_000;
/** The first who asks waits for it a little, and nobody after them. */
const firstWaitMs = 500;

/** Something of a server elsewhere, asked for when somebody wants it and again, behind, when it is old. */
export class KeptAnswer<T> {
  readonly #clock: Clock;
  readonly #fetch: (before: T | undefined) => Promise<T | undefined>;
  #value: T | undefined;
  #askedAt: number | undefined;
  #underway: Promise<void> | undefined;

  /** `fetch` gets what is known and may give it back; where it fails, what is known stays. */
  constructor(clock: Clock, fetch: (before: T | undefined) => Promise<T | undefined>) {
    this.#clock = clock;
    this.#fetch = fetch;
  }

  /** What is known by now; undefined: nothing. */
  async get(signal: AbortSignal): Promise<T | undefined> {
    const now = this.#clock.monotonicMs();
    const isFirst = this.#askedAt === undefined;
    if (!this.#underway && (this.#askedAt === undefined || now - this.#askedAt > freshMs)) {
      this.#askedAt = now;
      this.#underway = this.#refresh();
    }
    if (isFirst && this.#underway) {
      const end = new AbortController();
      const waited = this.#clock.sleep(firstWaitMs, AbortSignal.any([signal, end.signal])).catch(() => undefined);
      await Promise.race([this.#underway, waited]);
      end.abort();
    }
    return this.#value;
  }

  async #refresh(): Promise<void> {
    try {
      this.#value = await this.#fetch(this.#value);
    } catch {
      // It said something before, or nothing; it is asked again in a minute.
    } finally {
      this.#underway = undefined;
    }
  }
}
