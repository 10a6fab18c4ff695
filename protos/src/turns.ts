/**
 * Begins at most `limit` pieces of work in one turn of the event loop, in the order they came. What one socket brings at
 * once would otherwise be worked on whole before the first answer leaves, while the caller has nothing to do.
 */
export class Turns {
  readonly #limit: number;
  #begun = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Begins `work`, which must not throw, at once where this turn has room. */
  take(work: () => void): void {
    if (this.#begun < this.#limit) this.#begin(work);
    else this.#waiting.push(work);
  }

  #begin(work: () => void): void {
    if (this.#begun++ === 0) setImmediate(() => this.#next());
    work();
  }

  #next(): void {
    this.#begun = 0;
    for (const work of this.#waiting.splice(0, this.#limit)) this.#begin(work);
  }
}
