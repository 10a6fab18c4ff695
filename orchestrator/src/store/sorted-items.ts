/** Enough for short splices, few enough chunks for 100,000 keys. */
const chunkSize = 512;

/** Keys stand alone, too: who looks for one reads no item. */
interface Chunk<T> {
  readonly keys: string[];
  readonly items: T[];
}

/** Items by key, in the order of the keys (of code units, which is byte order for ASCII keys), kept in small chunks. */
export class SortedItems<T> {
  readonly #chunks: Chunk<T>[] = [];

  /** Puts `item` at `key`, in place of what is there. */
  set(key: string, item: T): void {
    const at = this.#chunkFor(key);
    const chunk = this.#chunks[at];
    if (!chunk) {
      this.#chunks.push({ keys: [key], items: [item] });
      return;
    }
    const { keys, items } = chunk;
    const index = lowerBound(keys, key);
    if (keys[index] === key) {
      items[index] = item;
      return;
    }
    keys.splice(index, 0, key);
    items.splice(index, 0, item);
    const half = chunkSize >> 1;
    if (keys.length > chunkSize) this.#chunks.splice(at + 1, 0, { keys: keys.splice(half), items: items.splice(half) });
  }

  delete(key: string): void {
    const at = this.#chunkFor(key);
    const chunk = this.#chunks[at];
    if (!chunk) return;
    const { keys, items } = chunk;
    const index = lowerBound(keys, key);
    if (keys[index] !== key) return;
    keys.splice(index, 1);
    items.splice(index, 1);
    if (keys.length === 0) this.#chunks.splice(at, 1);
  }

  /** The first `limit` of those whose keys are at or after `from` and before `to`; all at once, as 100,000 are copied in a millisecond. */
  slice(from: string, to: string, limit = Number.POSITIVE_INFINITY): T[] {
    const parts: T[][] = [];
    let left = limit;
    for (let at = this.#chunkFor(from); at < this.#chunks.length && left > 0; at++) {
      const { keys, items } = this.#chunks[at] as Chunk<T>;
      if ((keys[0] as string) >= to) break;
      const begin = lowerBound(keys, from);
      const part = items.slice(begin, Math.min(lowerBound(keys, to), begin + left));
      parts.push(part);
      left -= part.length;
    }
    return ([] as T[]).concat(...parts);
  }

  /** How many keys are at or after `from` and before `to`, without visiting them. */
  count(from: string, to: string): number {
    return Math.max(0, this.#rank(to) - this.#rank(from));
  }

  #rank(key: string): number {
    const at = this.#chunkFor(key);
    let rank = 0;
    for (let i = 0; i < at; i++) rank += (this.#chunks[i] as Chunk<T>).keys.length;
    const chunk = this.#chunks[at];
    return chunk ? rank + lowerBound(chunk.keys, key) : rank;
  }

  /** The last chunk that begins at or before `key`, else the first. */
  #chunkFor(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#chunks[middle] as Chunk<T>).keys[0]! <= key) low = middle + 1;
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
