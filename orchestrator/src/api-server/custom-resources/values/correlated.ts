import { isRecord, sortedJson } from '@berth/kube';
import { itemsOf, type JsonSchema, memberOf } from '../schema/json-schema.ts';

/** What stood at the place of a value before an update (apiserver cel/common CorrelatedObject). */
export class Correlated {
  readonly value: unknown;
  readonly old: unknown;
  readonly #schema: JsonSchema | undefined;
  #byKey: ReadonlyMap<string, unknown> | undefined;
  #equal: boolean | undefined;

  constructor(value: unknown, old: unknown, schema: JsonSchema | undefined) {
    this.value = value;
    this.old = old;
    this.#schema = schema;
  }

  /** Objects with members that the schema does not name never are: nobody can tell what these were (CachedDeepEqual). */
  get isUnchanged(): boolean {
    this.#equal ??= this.#compare();
    return this.#equal;
  }

  #compare(): boolean {
    const { value, old } = this;
    if (Array.isArray(value) && Array.isArray(old)) {
      if (value.length !== old.length) return false;
      // A list whose items nobody can tell apart is one value.
      if (this.#schema?.['x-kubernetes-list-type'] !== 'map') return jsonEqual(value, old);
      return value.every((_, i) => this.item(i)?.isUnchanged);
    }
    if (!isRecord(value) || !isRecord(old)) return jsonEqual(value, old);
    const names = Object.keys(value);
    return names.length === Object.keys(old).length && names.every((name) => this.member(name)?.isUnchanged);
  }

  /** Undefined: there was nothing, or nobody can tell what. */
  member(name: string): Correlated | undefined {
    const { value, old } = this;
    if (!this.#schema || !isRecord(value) || !isRecord(old)) return undefined;
    if (!Object.hasOwn(value, name) || !Object.hasOwn(old, name)) return undefined;
    const schema = memberOf(this.#schema, name);
    return schema && new Correlated(value[name], old[name], schema);
  }

  /** Items of maps are known by their keys; those of other lists are not. */
  item(index: number): Correlated | undefined {
    const schema = this.#schema;
    if (schema?.['x-kubernetes-list-type'] !== 'map' || !Array.isArray(this.value) || !Array.isArray(this.old))
      return undefined;
    const keys = schema['x-kubernetes-list-map-keys'] ?? [];
    this.#byKey ??= new Map(this.old.toReversed().map((item) => [keyText(item, keys), item]));
    const value: unknown = this.value[index];
    const old = this.#byKey.get(keyText(value, keys));
    return old === undefined ? undefined : new Correlated(value, old, itemsOf(schema));
  }
}

function keyText(item: unknown, keys: readonly string[]): string {
  return isRecord(item) ? sortedJson(keys.map((key) => item[key] ?? null)) : '';
}

export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => jsonEqual(item, b[i]));
  }
  if (!isRecord(a) || !isRecord(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && jsonEqual(a[name], b[name]));
}
