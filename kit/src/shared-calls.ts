/** Calls that several want at once: each is made once for all who ask for its key while it is under way, and fails for all. */
export class SharedCalls<V> {
  readonly #running = new Map<string, Promise<V>>();

  /** What the call of that key gives that is under way, or `call` where none is. */
  run(key: string, call: () => Promise<V>): Promise<V> {
    const running = this.#running.get(key) ?? call().finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    return running;
  }
}
