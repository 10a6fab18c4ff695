import type { ApiError } from '../api-error.ts';
import { goType } from '../apply/go-format.ts';
import { isRecord } from '../json-value.ts';
import { goText, goValue, patchFailure } from './patch-error.ts';

export type JsonMap = Readonly<Record<string, unknown>>;
export type Merge = (original: JsonMap, patch: JsonMap) => JsonMap;

/** Lists of scalars become one without repeats; lists of maps are merged by `mergeKey`, heeding `$patch`. */
export function mergeLists(
  original: readonly unknown[],
  patch: readonly unknown[],
  mergeKey: string | undefined,
  merge: Merge,
): unknown[] {
  if (original.length === 0 && patch.length === 0) return [];
  if (!holdsMaps(original, patch)) {
    return orderLike([...new Set([...original, ...patch])], { patchOrder: patch, liveOrder: original });
  }
  if (mergeKey === undefined) throw patchFailure('cannot merge lists without merge key for struct');
  const { kept, additions, replaced } = heedDirectives(original as JsonMap[], patch as JsonMap[], mergeKey);
  if (replaced) {
    for (const item of kept) keyValue(item, mergeKey);
    return kept;
  }
  const merged: JsonMap[] = [...kept];
  const places = new Map<unknown, number>();
  for (const [i, each] of merged.entries()) if (!places.has(each[mergeKey])) places.set(each[mergeKey], i);
  for (const item of additions) {
    const value = keyValue(item, mergeKey);
    const at = places.get(value);
    if (at === undefined) places.set(value, merged.push(item) - 1);
    else merged[at] = merge(merged[at] as JsonMap, item);
  }
  return orderLike(merged, { patchOrder: additions, liveOrder: kept, mergeKey });
}

/** All elements must be of one type, and no lists, which the first one tells (sliceElementType). */
export function holdsMaps(...lists: readonly (readonly unknown[])[]): boolean {
  const all = lists.flat(1);
  if (all.length === 0) throw patchFailure('no elements in any of the given slices');
  if (Array.isArray(all[0])) throw patchFailure('lists of lists are not supported');
  const types = new Set(all.map(goType));
  if (types.size > 1 || all.includes(null))
    throw patchFailure(`list element types are not identical: ${goValue(lists)}`);
  return isRecord(all[0]);
}

function heedDirectives(original: readonly JsonMap[], patch: readonly JsonMap[], mergeKey: string) {
  const gone = new Set<unknown>();
  let replaced = false;
  const additions: JsonMap[] = [];
  for (const item of patch) {
    const directive = item['$patch'];
    if (directive === undefined) additions.push(item);
    else if (directive === 'replace') replaced = true;
    else if (directive === 'delete') {
      gone.add(keyValue(item, mergeKey));
    } else if (directive === 'merge') throw patchFailure('merging lists cannot yet be specified in the patch');
    else throw patchFailure(`unknown patch type: ${goText(directive)} in map: ${goValue(item)}`);
  }
  const kept = original.filter((each) => !gone.has(each[mergeKey]));
  return { kept: replaced ? additions : kept, additions, replaced };
}

/** What a list's merge key says of an item. @throws ApiError – it is no map, or says nothing. */
export function keyValue(item: unknown, mergeKey: string): unknown {
  const map = mapOf(item);
  if (!Object.hasOwn(map, mergeKey))
    throw patchFailure(`map: ${goValue(map)} does not contain declared merge key: ${mergeKey}`);
  return map[mergeKey];
}

/** @throws ApiError – it is none. */
export function mapOf(item: unknown): JsonMap {
  if (!isRecord(item)) throw unexpected(item, 'map[string]interface {}');
  return item;
}

/** What stands where something else should (ErrBadArgType). */
export function unexpected(value: unknown, type: string): ApiError {
  return patchFailure(`expected a ${type}, but received a ${value === null ? '%!s(<nil>)' : goType(value)}`);
}

export interface Order {
  /** Items named here come in this order. */
  readonly patchOrder: readonly unknown[];
  /** The others stand among them as they stood here. */
  readonly liveOrder: readonly unknown[];
  readonly mergeKey?: string;
}

export interface Parts {
  readonly wished: readonly unknown[];
  readonly others: readonly unknown[];
}

/** Puts a merged list in order: the patch's wish first, the live list's order for the rest (KEP "preserve order"). */
function orderLike(items: readonly unknown[], order: Order): unknown[] {
  return arranged(partsOf(items, order), order);
}

/** What the patch's order names, and the rest. @throws ApiError – what is looked for meets what is no map. */
export function partsOf(items: readonly unknown[], { patchOrder, mergeKey }: Order): Parts {
  const stray = mergeKey === undefined ? -1 : patchOrder.findIndex((each) => !isRecord(each));
  const read = stray < 0 ? patchOrder : patchOrder.slice(0, stray);
  const named = new Set(read.flatMap((each) => (isNamed(each, mergeKey) ? [idOf(each, mergeKey)] : [])));
  const [wished, others]: [unknown[], unknown[]] = [[], []];
  for (const item of items) {
    const isWished = named.has(mergeKey === undefined ? item : keyValue(item, mergeKey));
    if (!isWished && stray >= 0) throw patchFailure(`value for key ${stray} is not a map`);
    (isWished ? wished : others).push(item);
  }
  return { wished, others };
}

/** @throws ApiError – something of them, or of the orders, is no map or has no merge key. */
export function arranged({ wished, others }: Parts, { patchOrder, liveOrder, mergeKey }: Order): unknown[] {
  if (mergeKey !== undefined)
    for (const each of [wished, patchOrder, others, liveOrder].flat(1)) keyValue(each, mergeKey);
  const places = (list: readonly unknown[]) => {
    const result = new Map<unknown, number>();
    for (const [i, item] of list.entries()) if (!result.has(idOf(item, mergeKey))) result.set(idOf(item, mergeKey), i);
    return result;
  };
  const [inPatch, inLive] = [places(patchOrder), places(liveOrder)];
  const placeOf = (order: ReadonlyMap<unknown, number>, item: unknown) => order.get(idOf(item, mergeKey));
  const by = (order: ReadonlyMap<unknown, number>) => (a: unknown, b: unknown) =>
    (placeOf(order, a) ?? Number.MAX_SAFE_INTEGER) - (placeOf(order, b) ?? Number.MAX_SAFE_INTEGER);
  const [ahead, behind] = [wished.toSorted(by(inPatch)), others.toSorted(by(inLive))];
  const result: unknown[] = [];
  let next = 0;
  for (const item of ahead) {
    const place = placeOf(inLive, item);
    while (place !== undefined && next < behind.length) {
      const other = placeOf(inLive, behind[next]);
      if (other === undefined || other >= place) break;
      result.push(behind[next++]);
    }
    result.push(item);
  }
  return [...result, ...behind.slice(next)];
}

const isNamed = (item: unknown, mergeKey: string | undefined): boolean =>
  mergeKey === undefined || Object.hasOwn(item as JsonMap, mergeKey);

const idOf = (item: unknown, mergeKey: string | undefined): unknown =>
  mergeKey === undefined ? item : (item as JsonMap)[mergeKey];
