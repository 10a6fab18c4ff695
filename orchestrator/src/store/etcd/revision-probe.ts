/** Asks for the newest revision; who comes while one question is under way shares the next one, which begins after they came. */
export class RevisionProbe {
  readonly #ask: () => Promise<number>;
  #running: Promise<unknown> | undefined;
  #next: Promise<number> | undefined;

  constructor(ask: () => Promise<number>) {
    this.#ask = ask;
  }

  /** A revision that is at least that of every write acknowledged before this call. */
  newest(): Promise<number> {
    if (!this.#running) return this.#start();
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#start();
    });
    return this.#next;
  }

  #start(): Promise<number> {
    const asked = this.#ask();
    const settled = asked.then(
      () => undefined,
      () => undefined,
    );
    this.#running = settled;
    void settled.then(() => {
      if (this.#running === settled) this.#running = undefined;
    });
    return asked;
  }
}
