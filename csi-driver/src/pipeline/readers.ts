import { BusyError } from '@berth/kit';

/** Keeps those who read something apart from the one who would change it; readers may be many. Nobody waits. */
export class Readers {
  readonly #reading = new Map<string, number>();
  readonly #excluded = new Set<string>();

  /** @throws BusyError – somebody excludes readers now. */
  read(id: string): Disposable {
    if (this.#excluded.has(id)) throw new BusyError(id);
    this.#reading.set(id, (this.#reading.get(id) ?? 0) + 1);
    let released = false;
    return {
      [Symbol.dispose]: () => {
        if (released) return;
        released = true;
        const left = (this.#reading.get(id) ?? 1) - 1;
        if (left > 0) this.#reading.set(id, left);
        else this.#reading.delete(id);
      },
    };
  }

  /** @throws BusyError – it is being read, or another excludes readers. */
  exclude(id: string): Disposable {
    if (this.#reading.has(id) || this.#excluded.has(id)) throw new BusyError(id);
    this.#excluded.add(id);
    return { [Symbol.dispose]: () => void this.#excluded.delete(id) };
  }
}
