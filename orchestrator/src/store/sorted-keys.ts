/** Enough for short splices, few enough chunks for 100,000 keys. */
const chunkSize = 512;

/** An ordered set of strings (code unit order, which is byte order for ASCII keys) kept in small chunks. */
export class SortedKeys {
  readonly #chunks: string[][] = [];

  add(key: string): void {
    const at = this.#chunkFor(key);
    const chunk = this.#chunks[at];
    if (!chunk) {
      this.#chunks.push([key]);
      return;
    }
    const index = lowerBound(chunk, key);
    if (chunk[index] === key) return;
    chunk.splice(index, 0, key);
    if (chunk.length > chunkSize) this.#chunks.splice(at + 1, 0, chunk.splice(chunkSize >> 1));
  }

  delete(key: string): void {
    const at = this.#chunkFor(key);
    const chunk = this.#chunks[at];
    if (!chunk) return;
    const index = lowerBound(chunk, key);
    if (chunk[index] !== key) return;
    chunk.splice(index, 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /** Keys at or after `from`, in order. */
  *from(from: string): Generator<string> {
    for (let at = this.#chunkFor(from); at < this.#chunks.length; at++) {
      const chunk = this.#chunks[at] as string[];
      for (let i = (chunk[0] as string) >= from ? 0 : lowerBound(chunk, from); i < chunk.length; i++)
        yield chunk[i] as string;
    }
  }

  /** How many keys are at or after `from` and before `to`, without visiting them. */
  count(from: string, to: string): number {
    return Math.max(0, this.#rank(to) - this.#rank(from));
  }

  #rank(key: string): number {
    const at = this.#chunkFor(key);
    let rank = 0;
    for (let i = 0; i < at; i++) rank += (this.#chunks[i] as string[]).length;
    const chunk = this.#chunks[at];
    return chunk ? rank + lowerBound(chunk, key) : rank;
  }

  /** The last chunk that begins at or before `key`, else the first. */
  #chunkFor(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#chunks[middle] as string[])[0]! <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
