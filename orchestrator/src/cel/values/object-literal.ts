import { type CelType, objectType } from '../language/cel-type.ts';
import type { CelMap } from './cel-map.ts';
import type { Value } from './value.ts';

/** `Name{field: value}` */
export class ObjectLiteral implements CelMap {
  readonly isMap = true;
  readonly objectType: CelType;
  readonly #fields: ReadonlyMap<string, Value>;

  constructor(name: string, fields: ReadonlyMap<string, Value>) {
    this.objectType = objectType(name);
    this.#fields = fields;
  }

  get size(): number {
    return this.#fields.size;
  }

  find(key: Value): Value | undefined {
    return typeof key === 'string' ? this.#fields.get(key) : undefined;
  }

  keys(): Iterable<Value> {
    return this.#fields.keys();
  }
}
