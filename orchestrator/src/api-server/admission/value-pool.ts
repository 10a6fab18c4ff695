import type { Clock } from '@berth/kit';

/** A reservation not yet seen as stored is given up after this. */
const reservedForMs = 60_000;

/** Values that one object at most may have, followed from the store; what was just given out is held until it is seen there. */
export class Pool<T> {
  readonly #clock: Clock;
  readonly #used = new Map<T, string>();
  readonly #reserved = new Map<T, { readonly until: number; readonly holder: string }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many the store has. */
  get used(): number {
    return this.#used.size;
  }

  use(value: T, owner: string): void {
    this.#used.set(value, owner);
    this.#reserved.delete(value);
  }

  release(value: T, owner: string): void {
    if (this.#used.get(value) === owner) this.#used.delete(value);
  }

  /** Forgets what is used, but not what was just given out. */
  clear(): void {
    this.#used.clear();
  }

  /** For `holder`, who may try again what it tried before. */
  isFree(value: T, holder = ''): boolean {
    const reserved = this.#reserved.get(value);
    const isHeld = reserved && reserved.until > this.#clock.monotonicMs() && !(holder && reserved.holder === holder);
    return !this.#used.has(value) && !isHeld;
  }

  isUsed(value: T): boolean {
    return this.#used.has(value);
  }

  /** False: another has it. */
  reserve(value: T, holder = ''): boolean {
    if (!this.isFree(value, holder)) return false;
    this.#reserved.set(value, { until: this.#clock.monotonicMs() + reservedForMs, holder });
    return true;
  }

  /** What `holder` reserved, and needs no more. */
  giveUp(value: T, holder: string): void {
    if (this.#reserved.get(value)?.holder === holder) this.#reserved.delete(value);
  }
}
