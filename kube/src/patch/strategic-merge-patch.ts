import { isRecord, setOwn } from '../json-value.ts';
import type { FieldSchema, ObjectSchema } from '../schema.ts';
import { arranged, holdsMaps, type JsonMap, keyValue, mapOf, mergeLists, partsOf, unexpected } from './merge-list.ts';
import { badPatch, goText, goValue, patchFailure } from './patch-error.ts';

const deletePrefix = '$deleteFromPrimitiveList';
const orderPrefix = '$setElementOrder';

/** The schema where the patch is: a struct, the values of a map, or nothing known. */
type Place = ObjectSchema | FieldSchema | undefined;

/**
 * Applies a strategic merge patch, with the merge keys of `schema`; changes neither argument.
 * @throws ApiError – BadRequest for a malformed directive, a plain 500 for what upstream answers so
 */
export function applyStrategicMergePatch(object: unknown, patch: unknown, schema: ObjectSchema): unknown {
  if (!isRecord(object) || !isRecord(patch)) throw badPatch('invalid JSON document');
  return mergeMap(object, patch, schema);
}

/**
 * What upstream's merge leaves of a patch, which it uses up and then shows: no lists that have an order, and none of these;
 * where something is new, no nulls (strategicpatch mergeMap).
 */
export function leftOfStrategicMerge(object: JsonMap, patch: JsonMap, schema: ObjectSchema): JsonMap {
  return leftOf(object, patch, schema);
}

function leftOf(original: JsonMap, patch: JsonMap, place: Place): JsonMap {
  if (patch['$patch'] !== undefined) return patch['$patch'] === 'replace' ? without(patch, '$patch') : patch;
  const ordered = Object.keys(patch).filter((name) => name.startsWith(orderPrefix));
  const left = without(patch, '$retainKeys', ...ordered, ...ordered.map((name) => listNamed(name, orderPrefix)));
  for (const [name, value] of Object.entries(left)) {
    const before = Object.hasOwn(original, name) ? original[name] : undefined;
    if (isRecord(before) && isRecord(value)) {
      const field = fieldAt(place, name);
      if (!field?.patchStrategies.includes('replace'))
        setOwn(left, name, leftOf(before, value, field?.struct ?? field));
    } else if (!Array.isArray(before) || !Array.isArray(value)) {
      const plain = withoutNulls(value);
      setOwn(left, name, isRecord(plain) ? (withoutDirectives(plain) ?? plain) : plain);
    }
  }
  return left;
}

function mergeMap(original: JsonMap, patch: JsonMap, place: Place): JsonMap {
  const directive = patch['$patch'];
  if (directive === 'replace') return without(patch, '$patch');
  if (directive === 'delete') return {};
  if (directive !== undefined) {
    throw patchFailure(`unknown patch type: ${goText(directive)} in map: ${goValue(patch)}`);
  }
  const result = retained(original, patch);
  const ordered = mergeOrderedLists(result, patch, place);
  for (const [name, value] of Object.entries(patch)) {
    if (name === '$retainKeys' || name.startsWith(orderPrefix) || ordered.has(name)) continue;
    if (name.startsWith(deletePrefix)) deleteFromList(result, listNamed(name, deletePrefix), value, place);
    else if (value === null) delete result[name];
    else mergeField(result, name, value, place);
  }
  return result;
}

function mergeField(result: Record<string, unknown>, name: string, value: unknown, place: Place): void {
  const before = Object.hasOwn(result, name) ? result[name] : undefined;
  const bothMaps = isRecord(before) && isRecord(value);
  if (!bothMaps && !(Array.isArray(before) && Array.isArray(value))) {
    const plain = withoutDirectives(withoutNulls(value));
    if (plain === undefined) delete result[name];
    else setOwn(result, name, plain);
    return;
  }
  const field = fieldAt(place, name);
  const merged = bothMaps
    ? mergeMaps(before, value, field)
    : mergeListField(before as unknown[], value as unknown[], field);
  setOwn(result, name, merged);
}

function mergeMaps(before: JsonMap, value: JsonMap, field: FieldSchema | undefined): JsonMap {
  if (field?.patchStrategies.includes('replace')) return value;
  return mergeMap(before, value, field?.struct ?? field);
}

function mergeListField(before: readonly unknown[], value: readonly unknown[], field: FieldSchema | undefined) {
  return field?.patchStrategies.includes('merge') ? mergeItems(before, value, field) : value;
}

function mergeItems(before: readonly unknown[], value: readonly unknown[], field: FieldSchema | undefined) {
  const element = field?.element?.struct ?? field?.element;
  return mergeLists(before, value, field?.mergeKey, (a, b) => mergeMap(a, b, element));
}

function fieldAt(place: Place, name: string): FieldSchema | undefined {
  if (place === undefined) return undefined;
  if (!('fields' in place)) return place.type === 'map' ? place.element : undefined;
  const field = place.fields.get(name);
  if (field) return field;
  throw patchFailure(`unable to find api field in struct ${place.goName} for the json field ${JSON.stringify(name)}`);
}

/** The original, without what a `$retainKeys` does not name. */
function retained(original: JsonMap, patch: JsonMap): Record<string, unknown> {
  const names = patch['$retainKeys'];
  if (names === undefined) return without(original);
  const keep = new Set(Array.isArray(names) ? names : []);
  const isDirective = (name: string) =>
    name === '$retainKeys' || name.startsWith(deletePrefix) || name.startsWith(orderPrefix);
  const given = Object.entries(patch).filter(([name, value]) => value !== null && !isDirective(name));
  if (!Array.isArray(names) || given.some(([name]) => !keep.has(name))) {
    throw badPatch('invalid patch format of retainKeys');
  }
  return without(original, ...Object.keys(original).filter((name) => !keep.has(name)));
}

/** What is behind the slash (extractKey). */
function listNamed(directive: string, prefix: string): string {
  if (directive[prefix.length] === '/') return directive.slice(prefix.length + 1);
  throw badPatch(`invalid patch format of ${prefix === orderPrefix ? 'setElementOrder' : 'primitive'} list`);
}

/** Merges every list that has a `$setElementOrder` and puts it in that order; says which fields that settled. */
function mergeOrderedLists(result: Record<string, unknown>, patch: JsonMap, place: Place): Set<string> {
  const settled = new Set<string>();
  for (const [directive, order] of Object.entries(patch)) {
    if (!directive.startsWith(orderPrefix)) continue;
    const patchOrder = listOf(order);
    const name = listNamed(directive, orderPrefix);
    const [before, value] = [result[name], patch[name]];
    const lists = [before, value].map((each) => (each === undefined ? [] : listOf(each)));
    const [liveOrder, items] = lists as [unknown[], unknown[]];
    if (before === undefined && value === undefined) continue;
    const field = fieldAt(place, name);
    const mergeKey = field?.mergeKey;
    checkOrder(items, patchOrder, mergeKey);
    const merged = mergeList(before === undefined ? before : liveOrder, value === undefined ? value : items, field);
    const wish = { patchOrder, liveOrder, ...(mergeKey === undefined ? {} : { mergeKey }) };
    const parts = partsOf(merged, wish);
    holdsMaps(liveOrder, items);
    settled.add(name);
    setOwn(result, name, arranged(parts, wish));
  }
  return settled;
}

function mergeList(
  before: readonly unknown[] | undefined,
  value: readonly unknown[] | undefined,
  field: FieldSchema | undefined,
): readonly unknown[] {
  if (value === undefined) return before ?? [];
  if (before === undefined) return withoutDirectives(value) as unknown[];
  return mergeListField(before, value, field);
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw unexpected(value, '[]interface {}');
  return value;
}

/**
 * The items of the patch must stand in the order list, and in its order (validatePatchWithSetOrderList): directives are
 * passed over while there is order left.
 */
function checkOrder(items: readonly unknown[], order: readonly unknown[], mergeKey: string | undefined): void {
  if (items.length === 0 || order.length === 0) return;
  if (mergeKey !== undefined) for (const item of items) mapOf(item);
  const isDirective = (item: unknown) => isRecord(item) && '$patch' in item;
  const changed = mergeKey === undefined ? items : items.filter((item) => (item as JsonMap)['$patch'] !== 'delete');
  let [at, place] = [0, 0];
  while (at < changed.length && place < order.length) {
    if (isDirective(changed[at])) at++;
    else if (areSame(changed[at], order[place++], mergeKey)) at++;
  }
  if (at === changed.length) return;
  throw patchFailure(
    `The order in patch list:\n${goValue(items)}\n doesn't match $setElementOrder list:\n${goValue(order)}\n`,
  );
}

/** Both have to be maps before either has to have the key (mergeKeyValueEqual). */
function areSame(item: unknown, other: unknown, mergeKey: string | undefined): boolean {
  if (mergeKey === undefined) return item === other;
  const maps = [mapOf(item), mapOf(other)] as const;
  return keyValue(maps[0], mergeKey) === keyValue(maps[1], mergeKey);
}

/** Upstream merges a list of maps instead, whatever its field's strategy is (mergeSlice). */
function deleteFromList(result: Record<string, unknown>, name: string, values: unknown, place: Place): void {
  if (name === '') throw badPatch('invalid patch format of primitive list');
  const before = result[name];
  if (values === null) delete result[name];
  else if (Array.isArray(before) && Array.isArray(values)) {
    if (before.length + values.length === 0) return;
    const gone = new Set<unknown>(values);
    const isOfMaps = holdsMaps(before, values);
    result[name] = isOfMaps
      ? mergeItems(before, values, fieldAt(place, name))
      : before.filter((item) => !gone.has(item));
  }
}

/** A value that is new as a whole: what carries a `$patch` is not there. Other directives stay, as upstream leaves them. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isRecord(value)) return value;
  if ('$patch' in value) return undefined;
  const result: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    const plain = withoutDirectives(item);
    if (plain !== undefined) setOwn(result, name, plain);
  }
  return result;
}

/** Nulls in something new say nothing; in lists they are items. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  const result: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) if (item !== null) setOwn(result, name, withoutNulls(item));
  return result;
}

function without(map: JsonMap, ...names: readonly string[]): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  const gone = new Set(names);
  for (const [name, value] of Object.entries(map)) if (!gone.has(name)) setOwn(result, name, value);
  return result;
}
