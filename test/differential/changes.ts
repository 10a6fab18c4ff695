import type { FieldSchema, ObjectSchema } from '@berth/kube';
import { type Change, changedObject, type Path } from '../harness/changed-object.ts';

type Json = Record<string, unknown>;

const long = 'a'.repeat(300);
const texts = ['', 'x', 'A B!', '-a', '../x', 'a'.repeat(64), long];

/** What a field of a type may hardly be, or not at all. */
export const wrongValues: Readonly<Record<FieldSchema['type'], readonly unknown[]>> = {
  struct: [{}, [], 'x'],
  list: [[], {}, [null], 'x'],
  map: [{}, [], 'x'],
  string: [...texts, 5],
  boolean: [true, false, 'x'],
  int32: [0, -1, 1, 70_000, 2 ** 31, 1.5, 'x'],
  int64: [0, -1, 1, 70_000, 1.5, 'x'],
  double: [0, -1, 'x'],
  quantity: ['0', '-1', '1.5', 'x', 1, ''],
  intOrString: [0, -1, '50%', '101%', 'x', true],
  time: ['x', '', '2026-01-01T00:00:00Z', 5],
  microTime: ['x', '2026-01-01T00:00:00.000001Z'],
  bytes: ['', '!', 'YQ==', 5],
  any: [{}, [], 'x', null],
} as Readonly<Record<FieldSchema['type'], readonly unknown[]>>;

/** What may well be there. */
const plausible: Readonly<Partial<Record<FieldSchema['type'], unknown>>> = {
  string: 'x',
  boolean: true,
  int32: 1,
  int64: 1,
  double: 1,
  quantity: '1',
  intOrString: 1,
  time: '2026-01-01T00:00:00Z',
  microTime: '2026-01-01T00:00:00.000001Z',
  bytes: 'YQ==',
  any: {},
};

/** Single changes of an object: of each field that it has, and of each that its schema has beside these. */
export function* changesOf(object: Json, schema: ObjectSchema, path: Path = []): Generator<Change> {
  yield [[...path, 'unknownField'], 1];
  for (const [name, field] of schema.fields) {
    const at = [...path, name];
    if (object[name] === undefined) yield* added(field, at);
    else {
      yield [at];
      yield [at, null];
      yield* changed(object[name], field, at);
    }
  }
}

function* added(field: FieldSchema, at: Path): Generator<Change> {
  for (const value of wrongValues[field.type] ?? ['x']) yield [at, value];
  if (['struct', 'list', 'map'].includes(field.type)) yield [at, filled(field, 3)];
}

function* changed(value: unknown, field: FieldSchema, at: Path): Generator<Change> {
  for (const each of wrongValues[field.type] ?? ['x']) yield [at, each];
  if (typeof value !== 'object' || value === null) return;
  if (field.type === 'struct') yield* changesOf(value as Json, field.struct as ObjectSchema, at);
  const element = field.element as FieldSchema;
  if (field.type === 'map') {
    for (const key of ['', 'Bad Key!', 'a.b/c', `${long}/a`]) yield [[...at, key], filled(element, 1)];
    for (const [key, each] of Object.entries(value)) yield* changed(each, element, [...at, key]);
  }
  if (field.type === 'list' && Array.isArray(value) && value.length > 0) {
    yield [at, [...value, value[0]]];
    yield [at, [...value, filled(element, 2)]];
    for (const [i, each] of value.entries()) {
      yield [[...at, i]];
      yield* changed(each, element, [...at, i]);
    }
  }
}

/** With every field, as deep as told. */
function filled(field: FieldSchema, depth: number): unknown {
  if (field.type === 'list') return depth > 0 ? [filled(field.element as FieldSchema, depth)] : [];
  if (field.type === 'map') return depth > 0 ? { a: filled(field.element as FieldSchema, depth - 1) } : {};
  if (field.type !== 'struct') return plausible[field.type] ?? 'x';
  if (depth === 0) return {};
  const { fields } = field.struct as ObjectSchema;
  return Object.fromEntries([...fields].map(([name, each]) => [name, filled(each, depth - 1)]));
}

/** The same change as a merge patch, which knows lists as a whole only. */
export function mergePatchOf(object: object, change: Change): Json {
  const [path] = change;
  const list = path.findIndex((key) => typeof key === 'number');
  const place = list < 0 ? path : path.slice(0, list);
  // biome-ignore lint/suspicious/noExplicitAny: anything may be there.
  const value = place.reduce<any>((at, key) => at?.[key], changedObject(object, change));
  return place.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value ?? null) as Json;
}
