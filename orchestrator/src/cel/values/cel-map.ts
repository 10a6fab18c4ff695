import type { CelType } from '../language/cel-type.ts';
import { CelError } from './cel-error.ts';
import { Uint } from './uint.ts';
import type { Result, Value } from './value.ts';

/** A map, or an object with fields; what is in it may be made when it is first asked for. */
export interface CelMap {
  readonly isMap: true;
  readonly size: number;
  /** Undefined where there is no such key; an error where it can be no key at all. */
  find(key: Value): Result | undefined;
  keys(): Iterable<Value>;
  /** Where a map has an equality of its own. */
  equalTo?(other: CelMap): boolean;
  /** Of an object with declared fields; absent: a map. */
  readonly objectType?: CelType;
}

/** A map of values at hand. Numbers that are equal are one key, whatever their type. */
export class EntryMap implements CelMap {
  readonly isMap = true;
  readonly #entries: Map<string | bigint | boolean | number, readonly [Value, Value]>;
  #growing: boolean;

  constructor(entries: Iterable<readonly [Value, Value]> = [], growing = false) {
    this.#entries = new Map();
    this.#growing = growing;
    for (const [key, value] of entries) this.#set(key, value);
  }

  get size(): number {
    return this.#entries.size;
  }

  get growing(): boolean {
    return this.#growing;
  }

  finish(): void {
    this.#growing = false;
  }

  find(key: Value): Value | undefined {
    const normal = normalKey(key);
    return normal === undefined ? undefined : this.#entries.get(normal)?.[1];
  }

  *keys(): Iterable<Value> {
    for (const [key] of this.#entries.values()) yield key;
  }

  /** The map with one key more: itself while it grows, else another. */
  with(key: Value, value: Value): EntryMap | CelError {
    if (this.find(key) !== undefined) return new CelError(`insert failed: key ${String(key)} already exists`);
    const target = this.#growing ? this : new EntryMap(this.#entries.values());
    target.#set(key, value);
    return target;
  }

  #set(key: Value, value: Value): void {
    const normal = normalKey(key);
    if (normal !== undefined) this.#entries.set(normal, [key, value]);
  }
}

/** What is compared: equal numbers of every type as one; undefined for what can be no key. */
function normalKey(key: Value): string | bigint | boolean | number | undefined {
  if (typeof key === 'string' || typeof key === 'bigint' || typeof key === 'boolean') return key;
  if (key instanceof Uint) return key.value;
  if (typeof key === 'number') return Number.isInteger(key) ? BigInt(key) : key;
  return undefined;
}

export function isMap(value: Result | undefined): value is CelMap {
  return typeof value === 'object' && value !== null && 'isMap' in value;
}
