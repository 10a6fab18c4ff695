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

/** Counts what an evaluation costs, and what it takes. */
export class CostMeter {
  #spent = 0;
  #unpaid = 0;
  readonly #limit: number;
  readonly #patience: number;

  /** `patience`: how much effort may be made before the evaluation is broken off as too long to wait for. */
  constructor(limit: number, patience = Number.POSITIVE_INFINITY) {
    this.#limit = limit;
    this.#patience = patience;
  }

  get spent(): number {
    return this.#spent;
  }

  /** What was spent, and the work that costs do not count. */
  get effort(): number {
    return this.#spent + this.#unpaid;
  }

  /** It is to end soon, or else be done elsewhere. */
  get hurried(): boolean {
    return this.#patience !== Number.POSITIVE_INFINITY;
  }

  /** How much effort may still be made. */
  get left(): number {
    return this.#patience - this.effort;
  }

  /** `idle`: it costs, and is no work of this thread. @throws CostExceeded, TooLong */
  add(cost: number, idle = false): void {
    this.#spent += cost;
    if (idle) this.#unpaid -= cost;
    if (this.#spent > this.#limit) throw new CostExceeded();
    if (this.#spent + this.#unpaid > this.#patience) throw new TooLong();
  }

  /** Work that costs nothing, such as comparing all that is in two objects. @throws TooLong */
  addUnpaid(work: number): void {
    this.#unpaid += work;
    if (this.#spent + this.#unpaid > this.#patience) throw new TooLong();
  }
}
