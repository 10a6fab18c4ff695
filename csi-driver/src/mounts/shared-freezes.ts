interface Held {
  users: number;
  readonly frozen: Promise<AsyncDisposable>;
  /** Set with the last user's leave, until writers go on. */
  ending?: Promise<void>;
}

/**
 * Lets those who need one filesystem to stand still at the same time share it: it goes on when the last of them is done.
 * The kernel would tell the second that it is frozen already, and the first would let it go under the second's copy.
 */
export class SharedFreezes {
  readonly #held = new Map<string, Held>();

  /** `freeze` is called for the first user of a key. @throws what it throws, for all who waited for it. */
  async hold(key: string, freeze: () => Promise<AsyncDisposable>): Promise<AsyncDisposable> {
    for (let held = this.#held.get(key); held?.ending; held = this.#held.get(key)) await held.ending;
    const held = this.#held.get(key) ?? this.#start(key, freeze);
    held.users++;
    try {
      await held.frozen;
    } catch (error) {
      if (this.#held.get(key) === held) this.#held.delete(key);
      throw error;
    }
    let left = false;
    return {
      [Symbol.asyncDispose]: async () => {
        if (left) return;
        left = true;
        held.users--;
        if (held.users > 0) return;
        const thawed = this.#thaw(key, held);
        held.ending = thawed.catch(() => undefined);
        await thawed;
      },
    };
  }

  #start(key: string, freeze: () => Promise<AsyncDisposable>): Held {
    const held = { users: 0, frozen: freeze() };
    this.#held.set(key, held);
    return held;
  }

  async #thaw(key: string, held: Held): Promise<void> {
    try {
      await (await held.frozen)[Symbol.asyncDispose]();
    } finally {
      this.#held.delete(key);
    }
  }
}
