import { isDeepStrictEqual } from 'node:util';
import { isInteger, isNumber } from '@berth/kit';
import { isWrittenAsFloat } from '@berth/kube';
import {
  additionalOf,
  isEmbedded,
  itemsOf,
  type JsonSchema,
  propertyOf,
} from '../../api-server/custom-resources/schema/json-schema.ts';
import { CelError, noSuchOverload } from '../values/cel-error.ts';
import type { CelMap } from '../values/cel-map.ts';
import { parseDuration } from '../values/duration.ts';
import { equal } from '../values/equality.ts';
import { jsonValue } from '../values/json-value.ts';
import { parseTimestamp } from '../values/timestamp.ts';
import type { Result, Value } from '../values/value.ts';
import { withObjectMeta } from './decl-type.ts';
import { unescapeName } from './escape-name.ts';
import { KeyedList, SetList, TypedList } from './typed-list.ts';

/** JSON as a value of its schema's type (cel/common UnstructuredToVal); what does not fit it is an error when it is used. */
export function typedValue(json: unknown, schema: JsonSchema): Result {
  if (json === null || json === undefined)
    return schema.nullable ? null : new CelError('invalid data, got null for schema with nullable=false');
  if (schema['x-kubernetes-int-or-string']) return intOrString(json);
  switch (schema.type) {
    case 'object':
      return struct(json, schema);
    case 'array':
      return list(json, schema);
    case 'string':
      return typeof json === 'string' ? text(json, schema.format ?? '') : wrong('string', json);
    case 'number':
      return isNumber(json) ? Number(json) : wrong('float', json);
    case 'integer':
      return isInteger(json) ? BigInt(json) : wrong('int', json);
    case 'boolean':
      return typeof json === 'boolean' ? json : wrong('bool', json);
    default:
      return schema['x-kubernetes-preserve-unknown-fields']
        ? jsonValue(json)
        : new CelError(
            `invalid type, expected object, array, number, integer, boolean or string, or no type with x-kubernetes-int-or-string or x-kubernetes-preserve-unknown-fields is true, got ${schema.type ?? ''}`,
          );
  }
}

/** A number that was sent with a point or an exponent is no integer, whatever it is (Go decodes it as a float64). */
function typedMember(holder: Readonly<Record<string, unknown>>, name: string, schema: JsonSchema): Result {
  if (!isWrittenAsFloat(holder, name)) return typedValue(holder[name], schema);
  if (schema['x-kubernetes-int-or-string']) return noIntOrString();
  return schema.type === 'integer'
    ? new CelError('invalid data, expected int, got float64')
    : typedValue(holder[name], schema);
}

function noIntOrString(): CelError {
  return new CelError('invalid data, expected XIntOrString value to be either a string or integer');
}

/** As Go names the types of decoded JSON. */
function wrong(expected: string, json: unknown): CelError {
  const names: Readonly<Record<string, string>> = { number: 'float64', boolean: 'bool', string: 'string' };
  const name = isInteger(json)
    ? 'int64'
    : (names[typeof json] ?? (Array.isArray(json) ? '[]interface {}' : 'map[string]interface {}'));
  return new CelError(`invalid data, expected ${expected}, got ${name}`);
}

function intOrString(json: unknown): Result {
  if (typeof json === 'string') return json;
  if (isInteger(json)) return BigInt(json);
  return noIntOrString();
}

function struct(json: unknown, schema: JsonSchema): Result {
  if (typeof json !== 'object' || Array.isArray(json))
    return new CelError('invalid data, expected a map for the provided schema with type=object');
  return new TypedMap(json as Readonly<Record<string, unknown>>, isEmbedded(schema) ? withObjectMeta(schema) : schema);
}

function list(json: unknown, schema: JsonSchema): Result {
  if (!Array.isArray(json))
    return new CelError('invalid data, expected an array for the provided schema with type=array');
  const items = itemsOf(schema);
  if (!items) return new CelError('invalid array type, expected Items with a non-empty Schema');
  const make = (item: unknown) => typedValue(item, items) as Value;
  if (schema['x-kubernetes-list-type'] === 'set') return new SetList(json, make);
  if (schema['x-kubernetes-list-type'] === 'map')
    return new KeyedList(json, make, schema['x-kubernetes-list-map-keys'] ?? []);
  return new TypedList(json, make);
}

function text(value: string, format: string): Result {
  switch (format) {
    case 'duration':
      return (
        parseDuration(value) ??
        new CelError(`Invalid duration ${value}: unable to parse ${JSON.stringify(value)} as duration`)
      );
    case 'date':
      return parseTimestamp(`${value}T00:00:00Z`) ?? new CelError(`Invalid date formatted string ${value}: `);
    case 'date-time':
      return parseTimestamp(value.toUpperCase()) ?? new CelError(`Invalid date-time formatted string ${value}: `);
    case 'byte':
      return Buffer.from(value, 'base64');
    default:
      return value;
  }
}

/** An object or a map; what no schema says anything about is not there. */
class TypedMap implements CelMap {
  readonly isMap = true;
  readonly json: Readonly<Record<string, unknown>>;
  readonly #schema: JsonSchema;
  readonly #values: JsonSchema | undefined;
  readonly #made = new Map<string, Result>();
  #size: number | undefined;

  constructor(json: Readonly<Record<string, unknown>>, schema: JsonSchema) {
    this.json = json;
    this.#schema = schema;
    this.#values = schema.properties ? undefined : additionalOf(schema);
  }

  get size(): number {
    this.#size ??= Object.keys(this.json).length;
    return this.#size;
  }

  find(key: Value): Result | undefined {
    if (typeof key !== 'string') return noSuchOverload;
    const made = this.#made.get(key);
    if (made !== undefined) return made;
    const name = this.#values ? key : unescapeName(key);
    const schema = this.#schemaOf(name);
    if (!schema || !Object.hasOwn(this.json, name)) return undefined;
    const value = typedMember(this.json, name, schema);
    this.#made.set(key, value);
    return value;
  }

  keys(): Iterable<Value> {
    return Object.keys(this.json);
  }

  /** Of what no schema says anything about the JSON counts, where the other one has it (unstructuredMap.Equal). */
  equalTo(other: CelMap): boolean {
    if (other.size !== this.size) return false;
    return Object.keys(this.json).every((name) => {
      if (!this.#schemaOf(name))
        return (
          other instanceof TypedMap &&
          (!Object.hasOwn(other.json, name) || isDeepStrictEqual(this.json[name], other.json[name]))
        );
      const [own, its] = [this.find(name), other.find(name)];
      return own === its || (own !== undefined && its !== undefined && equal(own as Value, its as Value));
    });
  }

  #schemaOf(name: string): JsonSchema | undefined {
    return this.#values ?? propertyOf(this.#schema, name);
  }
}
