import { ArrayList, type CelList } from './cel-list.ts';
import type { CelMap } from './cel-map.ts';
import type { Value } from './value.ts';

/** JSON as an untyped value; what is inside is made when it is asked for. */
export function jsonValue(json: unknown): Value {
  switch (typeof json) {
    case 'number':
      return Number.isSafeInteger(json) ? BigInt(json) : json;
    case 'bigint':
    case 'string':
    case 'boolean':
      return json;
    default:
      if (json === null || json === undefined) return null;
      return Array.isArray(json) ? new JsonList(json) : new JsonMap(json as Readonly<Record<string, unknown>>);
  }
}

class JsonList implements CelList {
  readonly isList = true;
  readonly #json: readonly unknown[];
  #items: ArrayList | undefined;

  constructor(json: readonly unknown[]) {
    this.#json = json;
  }

  get size(): number {
    return this.#json.length;
  }

  at(index: number): Value {
    return this.#values().at(index);
  }

  [Symbol.iterator](): Iterator<Value> {
    return this.#values()[Symbol.iterator]();
  }

  #values(): ArrayList {
    this.#items ??= new ArrayList(this.#json.map(jsonValue));
    return this.#items;
  }
}

class JsonMap implements CelMap {
  readonly isMap = true;
  readonly #json: Readonly<Record<string, unknown>>;
  readonly #made = new Map<string, Value>();
  #size: number | undefined;

  constructor(json: Readonly<Record<string, unknown>>) {
    this.#json = json;
  }

  get size(): number {
    this.#size ??= Object.keys(this.#json).length;
    return this.#size;
  }

  find(key: Value): Value | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.#json, key)) return undefined;
    let value = this.#made.get(key);
    if (value === undefined) {
      value = jsonValue(this.#json[key]);
      this.#made.set(key, value);
    }
    return value;
  }

  keys(): Iterable<Value> {
    return Object.keys(this.#json);
  }
}
