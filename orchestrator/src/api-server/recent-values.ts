/** A burst of writes, of which those who follow have seen each by then. */
const ofAGeneration = 1000;

/**
 * What is known of values that were just written, by their identity, for as long as someone has them. Two weak maps in
 * turn: one of 100,000 takes 100 ms to grow, and holds up the collector for as long as its keys live.
 */
export class RecentValues<T> {
  #newer = new WeakMap<Uint8Array, T>();
  #older = this.#newer;
  #count = 0;

  set(value: Uint8Array, known: T): void {
    if (++this.#count > ofAGeneration) {
      this.#older = this.#newer;
      this.#newer = new WeakMap();
      this.#count = 1;
    }
    this.#newer.set(value, known);
  }

  get(value: Uint8Array): T | undefined {
    return this.#newer.get(value) ?? this.#older.get(value);
  }
}
