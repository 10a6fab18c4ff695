import { type Integer, isNumber, rfc3339 } from '@berth/kit';
import { checkBase64, DecodeError, goTypeName, goValueName, parseTime } from './go-json.ts';
import { isRecord, joinPath, setOwn } from './json-value.ts';
import { Quantity } from './quantity.ts';
import type { FieldSchema, ObjectSchema } from './schema.ts';

export interface Decoded {
  /** A new object with only known fields, in the forms Kubernetes stores: times in UTC, canonical quantities. */
  readonly object: Record<string, unknown>;
  /** Paths of the fields the schema does not have, such as `spec.containers[0].imag`. */
  readonly unknownFields: readonly string[];
}

/** Strict decoding reports no more than this (apimachinery's limit). */
const maxUnknownFields = 100;

/**
 * Reads a JSON value as `schema`, as Go's decoder and encoder together would: null is absent, zero values that Go omits are
 * left out, structs that Go always writes are there, unknown fields are dropped and reported. The value itself is not changed.
 * @throws DecodeError – a value has the wrong type; the message is Go's, without the "cannot be handled as" before it.
 */
export function decodeObject(schema: ObjectSchema, value: unknown): Decoded {
  const decoder = new Decoder(schema);
  const object = decoder.root(value);
  return { object, unknownFields: decoder.unknown };
}

class Decoder {
  readonly unknown: string[] = [];
  readonly #schema: ObjectSchema;
  /** The way to here as strict errors print it, and as type errors do (fields only). */
  readonly #path: string[] = [];
  readonly #fields: string[] = [];
  #struct: ObjectSchema;

  constructor(schema: ObjectSchema) {
    this.#schema = schema;
    this.#struct = schema;
  }

  root(value: unknown): Record<string, unknown> {
    if (!isRecord(value)) {
      const name = goValueName(value);
      throw new DecodeError(`json: cannot unmarshal ${name} into Go value of type ${this.#schema.goType}`);
    }
    return this.#object(this.#schema, value);
  }

  #object(schema: ObjectSchema, value: Record<string, unknown>): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const outer = this.#struct;
    for (const [name, item] of Object.entries(value)) {
      const field = schema.fields.get(name);
      this.#path.push(name);
      if (!field) this.#report();
      else if (item !== null) {
        this.#struct = schema;
        this.#fields.push(name);
        const read = this.#value(field, item);
        if (!(schema.zeroIsAbsent.has(name) && isZero(read))) result[name] = read;
        this.#fields.pop();
      }
      this.#path.pop();
    }
    this.#struct = outer;
    for (const name of schema.alwaysPresent) result[name] ??= this.#object(structOf(schema, name), {});
    return result;
  }

  #value(field: FieldSchema, value: unknown): unknown {
    switch (field.type) {
      case 'any':
        return value;
      case 'struct':
        return isRecord(value) ? this.#object(field.struct as ObjectSchema, value) : this.#wrong(field, value);
      case 'list':
        return Array.isArray(value) ? this.#list(field.element as FieldSchema, value) : this.#wrong(field, value);
      case 'map':
        return isRecord(value) ? this.#map(field.element as FieldSchema, value) : this.#wrong(field, value);
      case 'string':
      case 'boolean':
        return typeof value === field.type ? value : this.#wrong(field, value);
      case 'int32':
      case 'int64':
      case 'double':
        return this.#number(field, value);
      default:
        return special(field.type, value) ?? this.#wrong(field, value);
    }
  }

  #number(field: FieldSchema, value: unknown): Integer {
    if (typeof value === 'bigint') {
      if (field.type === 'double') return Number(value);
      return field.type === 'int64' ? value : this.#wrong(field, value, `number ${value}`);
    }
    if (typeof value !== 'number') return this.#wrong(field, value);
    if (field.type === 'double') return value;
    const limit = field.type === 'int32' ? 2 ** 31 : 2 ** 63;
    if (Number.isInteger(value) && value >= -limit && value < limit) return value === 0 ? 0 : value;
    return this.#wrong(field, value, `number ${value}`);
  }

  #list(element: FieldSchema, values: readonly unknown[]): unknown[] {
    return values.map((value, i) => {
      this.#path.push(`[${i}]`);
      const read = value === null ? this.#zero(element) : this.#value(element, value);
      this.#path.pop();
      return read;
    });
  }

  #map(element: FieldSchema, values: Record<string, unknown>): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(values)) {
      this.#path.push(key);
      setOwn(result, key, value === null ? this.#zero(element) : this.#value(element, value));
      this.#path.pop();
    }
    return result;
  }

  /** What Go leaves where a list or map has null. */
  #zero(element: FieldSchema): unknown {
    return element.struct ? this.#object(element.struct, {}) : zeroOf(element);
  }

  #report(): void {
    if (this.unknown.length < maxUnknownFields) this.unknown.push(joinPath(this.#path));
  }

  #wrong(field: FieldSchema, value: unknown, name = goValueName(value)): never {
    const at = `${this.#struct.goName}.${this.#fields.join('.')}`;
    throw new DecodeError(`json: cannot unmarshal ${name} into Go struct field ${at} of type ${goTypeName(field)}`);
  }
}

/** Types that read themselves; undefined where the plain error about types applies. */
function special(type: FieldSchema['type'], value: unknown): unknown {
  switch (type) {
    case 'bytes':
      if (typeof value !== 'string') return undefined;
      checkBase64(value);
      return value;
    case 'quantity':
      return readQuantity(value);
    case 'intOrString':
      if (typeof value === 'string') return value;
      if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 31) return value;
      return wrongValue(value, 'int32');
    default: {
      if (typeof value !== 'string') return wrongValue(value, 'string');
      const { epochMs, micros } = parseTime(value);
      const seconds = rfc3339(epochMs);
      return type === 'time' ? seconds : seconds.replace('Z', `.${String(micros).padStart(6, '0')}Z`);
    }
  }
}

function readQuantity(value: unknown): string {
  try {
    return Quantity.parse(typeof value === 'string' ? value.trim() : JSON.stringify(value)).toString();
  } catch (error) {
    throw new DecodeError((error as Error).message);
  }
}

function wrongValue(value: unknown, type: string): never {
  const name = isNumber(value) ? `number ${value}` : goValueName(value);
  throw new DecodeError(`json: cannot unmarshal ${name} into Go value of type ${type}`);
}

function zeroOf({ type }: FieldSchema): unknown {
  switch (type) {
    case 'map':
      return {};
    case 'list':
      return [];
    case 'boolean':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return 0;
    case 'quantity':
      return '0';
    case 'any':
    case 'time':
    case 'microTime':
      return null;
    default:
      return '';
  }
}

function isZero(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isRecord(value)) return isEmpty(value);
  return value === '' || value === 0 || value === false;
}

function isEmpty(map: Record<string, unknown>): boolean {
  for (const _ in map) return false;
  return true;
}

function structOf(schema: ObjectSchema, name: string): ObjectSchema {
  return schema.fields.get(name)?.struct as ObjectSchema;
}
