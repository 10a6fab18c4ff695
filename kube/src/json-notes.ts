import { type Integer, isNumber } from '@berth/kit';
import { isRecord, setOwn } from './json-value.ts';
import type { FieldSchema, ObjectSchema } from './schema.ts';

/**
 * What Go's decoder meets in a document and its value does not show: what a field was before it was given again, and
 * numbers with a point or an exponent, which it takes for no integer. Kept beside the value, for who reads it as a kind.
 */
export class JsonNotes {
  readonly #earlier = new Map<string, unknown[]>();
  readonly #floats = new Map<string | number, string>();

  /** The notes of an object or list; it has none until something is to be noted. */
  static of(holder: object): JsonNotes | undefined {
    return known.get(holder);
  }

  static for(holder: object): JsonNotes {
    const notes = known.get(holder) ?? new JsonNotes();
    known.set(holder, notes);
    return notes;
  }

  noteEarlier(name: string, value: unknown): void {
    const values = this.#earlier.get(name);
    if (values) values.push(value);
    else this.#earlier.set(name, [value]);
  }

  noteFloat(at: string | number, text: string | undefined): void {
    if (text === undefined) this.#floats.delete(at);
    else this.#floats.set(at, text);
  }

  /** How a number was written that has a point or an exponent. */
  floatAt(at: string | number): string | undefined {
    return this.#floats.get(at);
  }

  copyFloats(to: object): void {
    for (const [at, text] of this.#floats) JsonNotes.for(to).noteFloat(at, text);
  }

  /** All a field was given, the last included. */
  allOf(name: string, last: unknown): readonly unknown[] {
    return [...(this.#earlier.get(name) ?? []), last];
  }

  /** What Go has in a field in the end: it reads each value into what the one before has left there (encoding/json). */
  valueOf(schema: ObjectSchema, name: string, last: unknown): unknown {
    const field = schema.fields.get(name);
    if (!field || !this.#earlier.has(name)) return last;
    let values: unknown[] = [];
    for (const value of this.allOf(name, last)) {
      if (value !== null) values.push(value);
      else if (isEmptiedByNull(schema, name, field)) values = [];
    }
    return joined(field, values);
  }
}

const known = new WeakMap<object, JsonNotes>();

/** A copy of one object, not of what is in it, was written as the object was. */
export function keepJsonNotes<T extends object>(from: object, copy: T): T {
  const notes = known.get(from);
  if (notes) known.set(copy, notes);
  return copy;
}

/** A copy of all that is in a value, whose numbers were written as they were. */
export function copyAsWritten(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const copy: object = Array.isArray(value) ? value.map(copyAsWritten) : {};
  if (!Array.isArray(value))
    for (const [name, each] of Object.entries(value))
      setOwn(copy as Record<string, unknown>, name, copyAsWritten(each));
  known.get(value)?.copyFloats(copy);
  return copy;
}

/** What is written in one place now stands in another. */
export function noteFloatOf(from: object, at: string | number, to: object, where: string | number): void {
  const text = known.get(from)?.floatAt(at);
  if (text !== undefined) JsonNotes.for(to).noteFloat(where, text);
  else known.get(to)?.noteFloat(where, undefined);
}

/** Whether a member is a number with a point or an exponent: no integer, whatever it is. */
export function isWrittenAsFloat(holder: object, name: string | number): boolean {
  return known.get(holder)?.floatAt(name) !== undefined;
}

/** Shows numbers as they were written: a replacer for JSON.stringify. */
export function asWritten(this: object, key: string, value: unknown): unknown {
  const text =
    typeof value === 'number' ? known.get(this)?.floatAt(Array.isArray(this) ? Number(key) : key) : undefined;
  return text === undefined ? value : JSON.rawJSON(text);
}

/** A member of an object or list, and how it is written. */
export interface Member {
  readonly holder: object;
  readonly name: string | number;
}

function memberOf({ holder, name }: Member): unknown {
  return (holder as Readonly<Record<string | number, unknown>>)[name] ?? null;
}

/** Whether two members are the same JSON but for the order in which objects have theirs, numbers by their digits. */
export function equalAsWritten(one: Member, other: Member): boolean {
  const [a, b] = [memberOf(one), memberOf(other)];
  const isPairEqual = (name: string | number) =>
    equalAsWritten({ holder: a as object, name }, { holder: b as object, name });
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((_, i) => isPairEqual(i));
  if (isRecord(a)) {
    if (!isRecord(b) || Object.keys(a).length !== Object.keys(b).length) return false;
    return Object.keys(a).every((name) => Object.hasOwn(b, name) && isPairEqual(name));
  }
  return isNumber(a) && isNumber(b) ? digitsOf(one, a) === digitsOf(other, b) : a === b;
}

function digitsOf({ holder, name }: Member, value: Integer): string {
  return known.get(holder)?.floatAt(name) ?? String(value);
}

/** Null empties pointers, lists and maps; everything else it leaves as it is. */
function isEmptiedByNull({ alwaysPresent, required, zeroIsAbsent }: ObjectSchema, name: string, { type }: FieldSchema) {
  if (type === 'list' || type === 'map' || type === 'bytes' || type === 'any') return true;
  return !alwaysPresent.includes(name) && !required.has(name) && !zeroIsAbsent.has(name);
}

function joined(field: FieldSchema, values: readonly unknown[]): unknown {
  if (values.length < 2) return values[0] ?? null;
  const isPart = field.type === 'list' ? Array.isArray : isRecord;
  if (field.type !== 'list' && field.type !== 'map' && field.type !== 'struct') return values.at(-1);
  // One of a wrong type is refused, wherever it stands.
  if (!values.every(isPart)) return values.find((value) => !isPart(value));
  if (field.type === 'list') return joinedLists(field.element as FieldSchema, values as unknown[][]);
  return joinedObjects(values as Record<string, unknown>[], field.type === 'struct');
}

/** Each element is read into the one that stood there before, as many as the last list has. */
function joinedLists(element: FieldSchema, lists: readonly unknown[][]): unknown {
  const last = lists.at(-1) as unknown[];
  if (element.type !== 'struct') return last;
  const columns = last.map((): unknown[] => []);
  for (const list of lists)
    for (const [i, value] of list.slice(0, last.length).entries()) if (value !== null) columns[i]?.push(value);
  return columns.map((values) => joined(element, values));
}

/** Fields of a struct are read into what is there in turn, entries of a map begin anew. */
function joinedObjects(objects: readonly Record<string, unknown>[], isStruct: boolean): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  const notes = JsonNotes.for(result);
  for (const object of objects) {
    const own = JsonNotes.of(object);
    for (const [name, last] of Object.entries(object)) {
      for (const value of own?.allOf(name, last) ?? [last]) {
        if (isStruct && Object.hasOwn(result, name)) notes.noteEarlier(name, result[name]);
        setOwn(result, name, value);
      }
      notes.noteFloat(name, own?.floatAt(name));
    }
  }
  return result;
}
