import { CodedError } from './errors.ts';

/** Thrown by {@link Guard.claim} when another operation holds one of the keys. CSI boundaries answer ABORTED. */
export class BusyError extends CodedError<'Busy'> {
  readonly key: string;
  constructor(key: string) {
    super('Busy', `an operation for "${key}" is already in progress; try again when it has ended`);
    this.key = key;
  }
}

/** Says who may work on a key now. Claiming is synchronous, so there is no await between check and claim. */
export class Guard {
  readonly #held = new Set<string>();

  /**
   * Claims all keys or none; disposing releases them.
   * @throws BusyError when one of them is held.
   */
  claim(...keys: readonly string[]): Disposable {
    for (const key of keys) if (this.#held.has(key)) throw new BusyError(key);
    for (const key of keys) this.#held.add(key);
    let released = false;
    return {
      [Symbol.dispose]: () => {
        if (released) return;
        released = true;
        for (const key of keys) this.#held.delete(key);
      },
    };
  }

  holds(key: string): boolean {
    return this.#held.has(key);
  }
}

/** Runs tasks of one key one after the other, in the order they came; other keys run beside them. */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<unknown>>();

  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const previous = this.#tails.get(key) ?? Promise.resolve();
    const result = previous.then(task, task);
    const tail = result.then(
      () => undefined,
      () => undefined,
    );
    this.#tails.set(key, tail);
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    return result;
  }
}
