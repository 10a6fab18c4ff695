/** Thrown where an evaluation has cost more than it may; nothing of it is kept. */
export class CostExceeded extends Error {
  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

/** Thrown where an evaluation takes longer than the event loop may be held: it is then done elsewhere. */
export class TooLong extends Error {
  constructor() {
    super('the evaluation goes on beside the event loop');
  }
}

/** Counts what an evaluation costs. */
export class CostMeter {
  #spent = 0;
  readonly #limit: number;
  readonly #patience: number;

  /** `patience`: how much may be spent before the evaluation is broken off as too long to wait for. */
  constructor(limit: number, patience = Number.POSITIVE_INFINITY) {
    this.#limit = limit;
    this.#patience = patience;
  }

  get spent(): number {
    return this.#spent;
  }

  /** @throws CostExceeded, TooLong */
  add(cost: number): void {
    this.#spent += cost;
    if (this.#spent > this.#limit) throw new CostExceeded();
    if (this.#spent > this.#patience) throw new TooLong();
  }
}
