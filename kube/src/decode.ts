import { type Integer, integerOf, isInt64, isInteger, isNumber, rfc3339 } from '@berth/kit';
import { conversionProblem } from './conversion-problem.ts';
import { goFieldAt } from './go-field.ts';
import { base64Problem, DecodeError, goValueName, parseTime, unmarshalProblem } from './go-json.ts';
import { JsonNotes } from './json-notes.ts';
import { jsonSchemaFields, jsonSchemaName, mismatchWithin } from './json-schema-fields.ts';
import { isRecord, joinPath, setOwn } from './json-value.ts';
import { Quantity } from './quantity.ts';
import type { FieldSchema, ObjectSchema } from './schema.ts';
import { noteSentEmpty, placeSentEmpties } from './sent-empties.ts';

export interface Decoded {
  /** A new object with only known fields, in the forms Kubernetes stores: times in UTC, canonical quantities. */
  readonly object: Record<string, unknown>;
  /** Paths of the fields the schema does not have, such as `spec.containers[0].imag`. */
  readonly unknownFields: readonly string[];
}

/** Strict decoding reports no more than this (apimachinery's limit). */
const maxUnknownFields = 100;

/** The time that is none, which Go writes as null. */
const goZeroTimeMs = Date.parse('0001-01-01T00:00:00Z');

/** No object that somebody means has more; those that somebody made up shall cost no more. */
const maxEmpties = 1000;

/** What is read: a document, or what patches made of one; Go reads that in another way, and says otherwise what is wrong. */
export type DecodedFrom = 'json' | 'map';

/**
 * Reads a JSON value as `schema`, as Go's decoder and encoder together would: null is absent, zero values that Go omits are
 * left out, structs that Go always writes are there, unknown fields are dropped and reported. The value itself is not changed.
 * @throws DecodeError – a value has the wrong type; the message is Go's, without the "cannot be handled as" before it.
 */
export function decodeObject(schema: ObjectSchema, value: unknown, from: DecodedFrom = 'json'): Decoded {
  const decoder = new Decoder(schema, from);
  const object = decoder.root(value);
  return { object, unknownFields: decoder.unknown };
}

interface Zero {
  readonly schema: ObjectSchema;
  readonly holder: Record<string, unknown>;
  readonly name: string;
  readonly field: FieldSchema;
  readonly value: unknown;
}

class Decoder {
  readonly unknown: string[] = [];
  readonly #schema: ObjectSchema;
  readonly #isMap: boolean;
  /** Where something empty was sent. */
  readonly #empties: string[][] = [];
  /** The way to here as strict errors print it. */
  readonly #path: string[] = [];
  /** The first value of a wrong type. Go reads on: one that a type reads itself, and refuses, comes before it. */
  #wrongType: DecodeError | undefined;

  constructor(schema: ObjectSchema, from: DecodedFrom) {
    this.#schema = schema;
    this.#isMap = from === 'map';
  }

  root(value: unknown): Record<string, unknown> {
    if (!isRecord(value)) throw new DecodeError(unmarshalProblem(value, `value of type ${this.#schema.goType}`));
    const object = this.#object(this.#schema, value);
    if (this.#wrongType) throw this.#wrongType;
    if (this.#empties.length > 0) placeSentEmpties(object, this.#empties);
    return object;
  }

  #object(schema: ObjectSchema, value: Record<string, unknown>): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const isJsonSchema = schema.name === jsonSchemaName;
    const notes = JsonNotes.of(value);
    for (const [name, given] of Object.entries(value)) {
      const field = schema.fields.get(name);
      const item = notes ? notes.valueOf(schema, name, given) : given;
      this.#path.push(name);
      if (!field) this.#report();
      else if (item !== null) {
        const read = isJsonSchema
          ? this.#schemaField(schema, name, item)
          : this.#value(field, item, notes?.floatAt(name));
        if (isZero(read)) this.#empty({ schema, holder: result, name, field, value: read });
        else if (read !== null) result[name] = read;
      }
      this.#path.pop();
    }
    for (const name of schema.alwaysPresent) result[name] ??= this.#object(structOf(schema, name), {});
    return result;
  }

  /** A zero value, which is left out where Go omits it; lists and maps are remembered. */
  #empty({ schema, holder, name, field, value }: Zero): void {
    if (!schema.zeroIsAbsent.has(name)) holder[name] = value;
    if (field.type !== 'list' && field.type !== 'map' && field.type !== 'bytes') return;
    if (this.#empties.length === maxEmpties) return;
    noteSentEmpty(holder, name, value);
    this.#empties.push([...this.#path]);
  }

  /** A field of a JSONSchemaProps: some have schemas of their own in them. */
  #schemaField(schema: ObjectSchema, name: string, value: unknown): unknown {
    const readOwn = jsonSchemaFields.get(name);
    if (!readOwn) return this.#value(schema.fields.get(name) as FieldSchema, value);
    const within = new Decoder(schema, 'json');
    try {
      // Few calls a level: schemas may be as deep as JSON.
      const read = isRecord(value) ? within.#object(schema, value) : readOwn(value, (each) => within.root(each));
      if (within.#wrongType) throw within.#wrongType;
      for (const path of within.#empties) this.#empties.push([...this.#path, ...path]);
      return read;
    } catch (error) {
      if (!(error instanceof DecodeError) || this.#isMap) throw error;
      throw mismatchWithin(error, goFieldAt(this.#schema, this.#path).place);
    }
  }

  /** `float`: how a number is written, if as none that Go reads as an integer. */
  #value(field: FieldSchema, value: unknown, float?: string): unknown {
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
        return this.#number(field, value, float);
      case 'bytes':
        return this.#bytes(field, value);
      default:
        return this.#special(field.type, value, float);
    }
  }

  #number(field: FieldSchema, value: unknown, float: string | undefined): Integer | undefined {
    if (!isNumber(value)) return this.#wrong(field, value);
    if (field.type === 'double')
      return Number.isFinite(Number(value)) ? Number(value) : this.#wrong(field, value, `number ${float}`);
    if (float !== undefined) return this.#wrong(field, value, `number ${float}`);
    if (hasBits(value, field.type === 'int32' ? 32 : 64)) return value === 0 ? 0 : value;
    if (this.#isMap && isInteger(value)) return converted(value, field.type === 'int32' ? 32 : 64);
    return this.#wrong(field, value, `number ${value}`);
  }

  #bytes(field: FieldSchema, value: unknown): string | undefined {
    if (Array.isArray(value)) return Buffer.from(value.map((byte) => this.#byte(byte))).toString('base64');
    if (typeof value !== 'string') return this.#wrong(field, value);
    const why = base64Problem(value);
    if (why && this.#isMap) throw new DecodeError(`error decoding from json: ${why}`);
    if (why) this.#wrongType ??= new DecodeError(why);
    return value;
  }

  #byte(value: unknown): number {
    if (value === null) return 0;
    if (isNumber(value) && hasBits(value, 64) && (this.#isMap || (value >= 0 && value < 256)))
      return Number(BigInt.asUintN(8, BigInt(value)));
    if (this.#isMap) throw new DecodeError(conversionProblem(value, 'uint8', 'uint8'));
    this.#wrongType ??= this.#mismatch(isNumber(value) ? `number ${value}` : goValueName(value), 'uint8');
    return 0;
  }

  /** Types that read themselves. @throws DecodeError */
  #special(type: FieldSchema['type'], value: unknown, float: string | undefined): unknown {
    if (type === 'quantity') return readQuantity(float ?? value);
    if (type === 'intOrString') {
      if (typeof value === 'string') return value;
      if (float !== undefined) throw this.#mismatch(`number ${float}`, 'int32');
      if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 31) return value;
      throw this.#mismatch(isNumber(value) ? `number ${value}` : goValueName(value), 'int32');
    }
    if (typeof value !== 'string') throw this.#mismatch(goValueName(value), 'string');
    const { epochMs, micros } = parseTime(value, type === 'microTime');
    if (epochMs === goZeroTimeMs && (type === 'time' || micros === 0)) return null;
    const seconds = rfc3339(epochMs);
    return type === 'time' ? seconds : seconds.replace('Z', `.${String(micros).padStart(6, '0')}Z`);
  }

  #list(element: FieldSchema, values: readonly unknown[]): unknown[] {
    const notes = JsonNotes.of(values);
    return values.map((value, i) => {
      this.#path.push(`[${i}]`);
      const read = value === null ? this.#zero(element) : this.#value(element, value, notes?.floatAt(i));
      this.#path.pop();
      return read;
    });
  }

  #map(element: FieldSchema, values: Record<string, unknown>): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const notes = JsonNotes.of(values);
    for (const [key, value] of Object.entries(values)) {
      this.#path.push(key);
      // An entry that is given again is read anew each time, and each has to be of its type.
      for (const each of notes?.allOf(key, value) ?? [value])
        setOwn(result, key, each === null ? this.#zero(element) : this.#value(element, each, notes?.floatAt(key)));
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

  #wrong(field: FieldSchema, value: unknown, name = goValueName(value)): undefined {
    if (this.#isMap)
      throw new DecodeError(conversionProblem(value, field.type, goFieldAt(this.#schema, this.#path).type));
    this.#wrongType ??= this.#mismatch(name);
  }

  /** Go's words for a value here that is none of the type, or none of what that reads itself from. */
  #mismatch(name: string, readFrom?: string): DecodeError {
    const { place, type } = goFieldAt(this.#schema, this.#path);
    const target = this.#isMap ? 'value' : `struct field ${place}`;
    return new DecodeError(`json: cannot unmarshal ${name} into Go ${target} of type ${readFrom ?? type}`);
  }
}

/** Go converts a whole number to a smaller type as it converts any; a float that no int64 holds is the least one before (reflect's cvtFloatInt, as amd64 has it). */
function converted(value: Integer, bits: 32 | 64): Integer {
  return integerOf(BigInt.asIntN(bits, isInt64(value) ? BigInt(value) : -(2n ** 63n)));
}

function hasBits(value: Integer, bits: 32 | 64): boolean {
  if (bits === 64) return isInt64(value);
  return Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31;
}

function readQuantity(value: unknown): string {
  try {
    return Quantity.parse(typeof value === 'string' ? value.trim() : JSON.stringify(value)).toString();
  } catch (error) {
    throw new DecodeError((error as Error).message);
  }
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
