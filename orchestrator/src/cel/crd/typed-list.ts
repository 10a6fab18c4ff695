import type { CelList } from '../values/cel-list.ts';
import { equal } from '../values/equality.ts';
import type { Value } from '../values/value.ts';

/** A list of a schema: what is in it is made when it is asked for. */
export class TypedList implements CelList {
  readonly isList = true;
  readonly json: readonly unknown[];
  protected readonly make: (item: unknown) => Value;
  readonly #made: Value[] = [];

  constructor(json: readonly unknown[], make: (item: unknown) => Value) {
    this.json = json;
    this.make = make;
  }

  get size(): number {
    return this.json.length;
  }

  at(index: number): Value {
    if (!(index in this.#made)) this.#made[index] = this.make(this.json[index]);
    return this.#made[index] as Value;
  }

  *[Symbol.iterator](): Iterator<Value> {
    for (let i = 0; i < this.json.length; i++) yield this.at(i);
  }
}

/** `x-kubernetes-list-type: set`: order does not matter, and adding leaves out what is there. */
export class SetList extends TypedList {
  equalTo(other: CelList): boolean {
    return other.size === this.size && [...other].every((item) => this.#has(item));
  }

  joined(other: CelList): CelList {
    const more = [...other].filter((item) => !this.#has(item));
    return new JoinedValues([...this, ...more]);
  }

  #has(item: Value): boolean {
    for (const own of this) if (equal(own, item)) return true;
    return false;
  }
}

/** `x-kubernetes-list-type: map`: elements are known by their keys; adding replaces those of the same keys. */
export class KeyedList extends TypedList {
  readonly #keys: readonly string[];

  constructor(json: readonly unknown[], make: (item: unknown) => Value, keys: readonly string[]) {
    super(json, make);
    this.#keys = keys;
  }

  equalTo(other: CelList): boolean {
    if (other.size !== this.size) return false;
    const own = new Map([...this].map((item) => [this.#keyOf(item), item]));
    return [...other].every((item) => {
      const same = own.get(this.#keyOf(item));
      return same !== undefined && equal(same, item);
    });
  }

  joined(other: CelList): CelList {
    const merged = new Map([...this].map((item) => [this.#keyOf(item), item]));
    for (const item of other) merged.set(this.#keyOf(item), item);
    return new JoinedValues([...merged.values()]);
  }

  #keyOf(item: Value): string {
    const json =
      typeof item === 'object' && item !== null && 'json' in item ? (item.json as Record<string, unknown>) : {};
    return JSON.stringify(this.#keys.map((key) => json[key] ?? null));
  }
}

class JoinedValues extends TypedList {
  constructor(values: readonly Value[]) {
    super(values, (value) => value as Value);
  }
}
