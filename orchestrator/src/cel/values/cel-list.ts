import type { Result, Value } from './value.ts';

/** A list; its elements may be made when they are first asked for. */
export interface CelList {
  readonly isList: true;
  readonly size: number;
  /** Within bounds. */
  at(index: number): Value;
  [Symbol.iterator](): Iterator<Value>;
  /** Where a list has an equality of its own. */
  equalTo?(other: CelList): boolean;
  /** Where adding to it is something else than appending. */
  joined?(other: CelList): CelList;
}

/** A list of values at hand. */
export class ArrayList implements CelList {
  readonly isList = true;
  readonly #items: Value[];
  /** An accumulator: nobody but its loop holds it, and adding changes it in place. */
  #growing: boolean;

  constructor(items: Value[], growing = false) {
    this.#items = items;
    this.#growing = growing;
  }

  get size(): number {
    return this.#items.length;
  }

  at(index: number): Value {
    return this.#items[index] as Value;
  }

  [Symbol.iterator](): Iterator<Value> {
    return this.#items[Symbol.iterator]();
  }

  get growing(): boolean {
    return this.#growing;
  }

  /** Takes over the elements of another. */
  append(other: CelList): this {
    for (const item of other) this.#items.push(item);
    return this;
  }

  /** From here on it stays as it is. */
  finish(): void {
    this.#growing = false;
  }
}

/** Two lists one after the other, as cel-go joins them: without copying. */
class JoinedList implements CelList {
  readonly isList = true;
  readonly size: number;
  readonly #first: CelList;
  readonly #second: CelList;
  #flat: readonly Value[] | undefined;

  constructor(first: CelList, second: CelList) {
    this.#first = first;
    this.#second = second;
    this.size = first.size + second.size;
  }

  at(index: number): Value {
    return this.#items()[index] as Value;
  }

  [Symbol.iterator](): Iterator<Value> {
    return this.#items()[Symbol.iterator]();
  }

  /** Flattened once, without recursion: joins can be deep. */
  #items(): readonly Value[] {
    if (this.#flat) return this.#flat;
    const flat: Value[] = [];
    const pending: CelList[] = [this];
    for (let list = pending.pop(); list; list = pending.pop()) {
      if (list instanceof JoinedList && !list.#flat) pending.push(list.#second, list.#first);
      else for (const item of list) flat.push(item);
    }
    this.#flat = flat;
    return flat;
  }
}

export function joinLists(a: CelList, b: CelList): CelList {
  if (a.joined) return a.joined(b);
  if (a instanceof ArrayList && a.growing) return a.append(b);
  if (b.size === 0) return a;
  return a.size === 0 ? b : new JoinedList(a, b);
}

export function isList(value: Result | undefined): value is CelList {
  return typeof value === 'object' && value !== null && 'isList' in value;
}
