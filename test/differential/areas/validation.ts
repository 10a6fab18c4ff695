import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Rng } from '@berth/kit';
import { type FieldSchema, type ObjectSchema, schemas } from '@berth/kube';
import { parseAllDocuments } from 'yaml';
import { targetOf } from '../../golden/resource-rules.ts';
import { type Change, changedObject, type Path } from '../../harness/changed-object.ts';
import { wrongValues } from '../changes.ts';
import type { Answer } from '../compare.ts';
import type { Sent } from '../servers.ts';
import { oneOf, type World } from './world.ts';

type Json = Record<string, unknown>;

export interface Base {
  readonly path: string;
  readonly object: { readonly kind: string; readonly metadata: { readonly name: string } };
}

/** What the fields of a name hold anywhere, and the structs of a type. */
interface Vocabulary {
  readonly byName: Map<string, unknown[]>;
  readonly byType: Map<string, Json[]>;
}

interface Place {
  readonly at: Path;
  readonly value: Json;
  readonly schema: ObjectSchema;
}

/** Objects with fields that no recorded one has. */
export function moreBases(): readonly Base[] {
  const text = readFileSync(join(import.meta.dirname, 'validation-bases.yaml'), 'utf8');
  return parseAllDocuments(text).map((each) => {
    const { path, ...object } = each.toJS({ maxAliasCount: -1 });
    return { path, object } as Base;
  });
}

/**
 * Objects with one, two or three fields changed: removed, wrong, or what another object has there. Created, updated and patched in each way,
 * status too, as many times for each object as there are cases.
 */
export async function validation(world: World, bases: readonly Base[], chosen: readonly Base[]): Promise<void> {
  const known: Vocabulary = { byName: new Map(), byType: new Map() };
  for (const { path, object } of bases) learn(object as never, schemaOf(path), known);
  for (const base of chosen) await validationOf(world, base, known);
}

async function validationOf(world: World, { path, object }: Base, known: Vocabulary): Promise<void> {
  const schema = schemaOf(path);
  const { rng } = world;
  const [served] = await world.ask(object.kind, { method: 'POST', path: `${path}?dryRun=All`, body: object });
  // Versions that are not served unless somebody asks for them.
  if (served.status === 404) return;
  const made = () => changesBy(rng, object as never, schema, known);
  await times(world.cases, async () => {
    const changes = made();
    const body = changes.reduce<object>(changedObject, object);
    await world.ask(object.kind, { method: 'POST', path: path + queryOf(rng), body });
  });
  const name = object.metadata?.name;
  if (name === undefined) return;
  await world.ask(object.kind, { method: 'POST', path, body: object });
  const label = `${object.kind} ${name}`;
  const one = `${path}/${name}`;
  const stored = await settled(() => world.ask(label, { method: 'GET', path: one }));
  if (stored.some((each) => each.status !== 200)) return;
  const { subresources } = targetOf(path).definition;
  const status = schema.fields.has('status') && subresources.some((each) => each.name === 'status');
  const live = JSON.parse(stored[0].text) as Json;
  await times(world.cases, async () => {
    const endpoint = status && rng.next() < 0.35 ? '/status' : '';
    const changes = changesBy(rng, live, schema, known, endpoint ? 'status' : undefined);
    const place = one + endpoint + queryOf(rng);
    const way = rng.next();
    try {
      await world.ask(object.kind, ({ last }) =>
        update(JSON.parse(last[label]?.text ?? '{}') as Json, { changes, path: place, way, live }),
      );
    } catch (error) {
      // What is changed there, one of the two has not: told of by the comparison of what they store.
      if (!(error instanceof TypeError)) throw error;
    }
  });
}

/** The changes are of upstream's object, `live`: what only that one knows, our own `object` knows otherwise. */
function update(object: Json, asked: { changes: readonly Change[]; path: string; way: number; live: Json }): Sent {
  const { changes, path, way, live } = asked;
  const body = changes.reduce<object>(changedObject, live);
  const sent = <T>(value: T): T => inOwnWords(value, live, object);
  if (way < 0.5) return { method: 'PUT', path, body: sent(body) };
  if (way < 0.7) return { method: 'PATCH', path, body: sent(mergePatch(live, body)) };
  if (way < 0.9)
    return { method: 'PATCH', path, contentType: 'application/json-patch+json', body: sent(changes.map(asJsonPatch)) };
  const { managedFields: _, resourceVersion: __, ...metadata } = ((body as Json)['metadata'] ?? {}) as Json;
  return {
    method: 'PATCH',
    path: `${path}&fieldManager=one&force=true`,
    contentType: 'application/apply-patch+yaml',
    body: sent({ ...body, metadata }),
  };
}

/** What stands where it stands in upstream's object, as ours says it. */
function inOwnWords<T>(value: T, theirs: Json, ours: Json): T {
  const words = new Map(otherWords(theirs, ours));
  return JSON.parse(JSON.stringify(value), (_, each) => words.get(each) ?? each) as T;
}

function* otherWords(a: unknown, b: unknown): Generator<readonly [unknown, unknown]> {
  // Of numbers, those of ports that were given by chance.
  const isOwn = typeof a === 'string' || (typeof a === 'number' && a >= 30_000);
  if (isOwn && typeof b === typeof a && a !== b) yield [a, b];
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return;
  for (const [key, each] of Object.entries(a)) yield* otherWords(each, (b as Json)[key]);
}

function asJsonPatch([path, ...value]: Change): Json {
  const pointer = path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  return value.length > 0 ? { op: 'add', path: pointer, value: value[0] } : { op: 'remove', path: pointer };
}

/** What makes the one of the other. */
function mergePatch(from: unknown, to: unknown): unknown {
  if (!isObject(from) || !isObject(to)) return to;
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  const changed = keys.filter((key) => JSON.stringify(from[key]) !== JSON.stringify(to[key]));
  return Object.fromEntries(changed.map((key) => [key, key in to ? mergePatch(from[key], to[key]) : null]));
}

function queryOf(rng: Rng): string {
  return `?dryRun=All&fieldValidation=${oneOf(rng, ['Strict', 'Strict', 'Warn', 'Ignore'])}`;
}

/** One to three, each of the object that the one before made. */
function changesBy(rng: Rng, object: Json, schema: ObjectSchema, known: Vocabulary, under?: string): readonly Change[] {
  const changes: Change[] = [];
  let now: Json = object;
  for (const again of [1, 0.4, 0.3]) {
    if (rng.next() > again) break;
    const change = changeBy(rng, now, schema, known, under);
    changes.push(change);
    now = changedObject(now, change);
  }
  return changes;
}

function changeBy(rng: Rng, object: Json, schema: ObjectSchema, known: Vocabulary, under?: string): Change {
  const all = [...placesIn(object, schema, [])].filter(({ at }) => at[0] !== 'metadata' || rng.next() < 0.1);
  const here =
    under === undefined ? all.filter(({ at }) => at[0] !== 'status') : all.filter(({ at }) => at[0] === under);
  const place = here.length > 0 ? oneOf(rng, here) : (all[0] as Place);
  if (under !== undefined && here.length === 0) return [[under], valueFor(rng, under, fieldOf(place, under), known)];
  if (rng.next() < 0.01) return [[...place.at, 'unknownField'], 1];
  const names = [...place.schema.fields.keys()].filter(
    (name) => place.at.length > 0 || !['apiVersion', 'kind'].includes(name),
  );
  if (names.length === 0) return [[...place.at, 'unknownField'], 1];
  const has = names.filter((name) => place.value[name] !== undefined);
  const name = oneOf(rng, has.length > 0 && rng.next() < 0.5 ? has : names);
  const at = [...place.at, name];
  const value = place.value[name];
  const field = fieldOf(place, name);
  if (value !== undefined && rng.next() < 0.15) return rng.next() < 0.7 ? [at] : [at, null];
  if (field.type === 'list' && Array.isArray(value) && value.length > 0 && rng.next() < 0.7)
    return listChange(rng, { at, value, field, name, known });
  if (isObject(value) && field.type === 'map' && rng.next() < 0.7)
    return [[...at, oneOf(rng, mapKeys(value))], valueFor(rng, name, field.element as FieldSchema, known)];
  return [at, valueFor(rng, name, field, known)];
}

function listChange(
  rng: Rng,
  list: { at: Path; value: readonly unknown[]; field: FieldSchema; name: string; known: Vocabulary },
): Change {
  const { at, value, field, name, known } = list;
  const way = rng.next();
  const i = Math.floor(rng.next() * value.length);
  if (way < 0.2) return [at, [...value, value[i]]];
  if (way < 0.35) return [[...at, i]];
  const other = valueFor(rng, name, field.element as FieldSchema, known);
  if (way < 0.6) return [at, [...value, other]];
  if (way < 0.7) return [at, value.toReversed()];
  return [[...at, i], other];
}

const mapKeys = (map: Json): readonly string[] => [...Object.keys(map), '', 'Bad Key!', 'a.b/c', 'cpu', 'storage', 'a'];

function fieldOf({ schema }: Place, name: string): FieldSchema {
  return schema.fields.get(name) as FieldSchema;
}

/** What other objects have in a field of the name or of the type, or what no object should. */
function valueFor(rng: Rng, name: string, field: FieldSchema, known: Vocabulary): unknown {
  const seen =
    (field.type === 'struct' && known.byType.get((field.struct as ObjectSchema).name)) || known.byName.get(name) || [];
  if (field.type === 'list' && rng.next() < 0.8) {
    const element = field.element as FieldSchema;
    return Array.from({ length: Math.floor(rng.next() * 3) }, () => valueFor(rng, name, element, known));
  }
  if (seen.length > 0 && rng.next() < 0.6) return oneOf(rng, seen);
  return oneOf(rng, wrongValues[field.type] ?? ['x']);
}

function* placesIn(value: Json, schema: ObjectSchema, at: Path): Generator<Place> {
  yield { at, value, schema };
  for (const [name, field] of schema.fields) yield* placesOf(value[name], field, [...at, name]);
}

function* placesOf(value: unknown, field: FieldSchema, at: Path): Generator<Place> {
  if (field.type === 'struct' && isObject(value)) yield* placesIn(value, field.struct as ObjectSchema, at);
  if (field.type === 'list' && Array.isArray(value))
    for (const [i, each] of value.entries()) yield* placesOf(each, field.element as FieldSchema, [...at, i]);
  if (field.type === 'map' && isObject(value))
    for (const [key, each] of Object.entries(value)) yield* placesOf(each, field.element as FieldSchema, [...at, key]);
}

function learn(object: Json, schema: ObjectSchema, known: Vocabulary): void {
  const add = <V>(map: Map<string, V[]>, key: string, value: V): void => {
    const values = map.get(key) ?? [];
    map.set(key, values);
    if (!values.some((each) => JSON.stringify(each) === JSON.stringify(value))) values.push(value);
  };
  for (const place of placesIn(object, schema, [])) {
    if (place.at[0] === 'metadata') continue;
    add(known.byType, place.schema.name, place.value);
    for (const [name, value] of Object.entries(place.value))
      for (const each of Array.isArray(value) ? value : [value]) if (!isObject(each)) add(known.byName, name, each);
  }
}

/** As it is when controllers of either server have left it alone for a moment. */
export async function settled(get: () => Promise<readonly Answer[]>): Promise<readonly [Answer, Answer]> {
  for (let before = ''; ; await sleep(200)) {
    const answers = (await get()) as readonly [Answer, Answer];
    const now = answers.map(({ text }) => text).join();
    if (now === before) return answers;
    before = now;
  }
}

/** Several under way at once. */
async function times(count: number, run: () => Promise<void>): Promise<void> {
  let left = count;
  const work = async (): Promise<void> => {
    while (left-- > 0) await run();
  };
  await Promise.all(Array.from({ length: 8 }, work));
}

const schemaOf = (path: string): ObjectSchema => schemas.get(targetOf(path).definition.schema);

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
