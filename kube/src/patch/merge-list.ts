import { isNumber } from '@berth/kit';
import { isRecord } from '../json-value.ts';
import { badPatch, goText, goValue, patchFailure } from './patch-error.ts';

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
  if (Array.isArray(all[0])) throw patchFailure('lists of lists are not supported');
  const kinds = new Set(
    all.map((item) =>
      isRecord(item) ? 'map' : isNumber(item) ? 'number' : Array.isArray(item) ? 'list' : typeof item,
    ),
  );
  if (kinds.size > 1 || all.includes(null))
    throw patchFailure(`list element types are not identical: ${goValue(lists)}`);
  return kinds.has('map');
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

function keyValue(item: JsonMap, mergeKey: string): unknown {
  const value = item[mergeKey];
  if (value === undefined) {
    throw patchFailure(`map: ${goValue(item)} does not contain declared merge key: ${mergeKey}`);
  }
  return value;
}

export interface Order {
  /** Items named here come in this order. */
  readonly patchOrder: readonly unknown[];
  /** The others stand among them as they stood here. */
  readonly liveOrder: readonly unknown[];
  readonly mergeKey?: string;
}

/** Puts a merged list in order: the patch's wish first, the live list's order for the rest (KEP "preserve order"). */
export function orderLike(items: readonly unknown[], { patchOrder, liveOrder, mergeKey }: Order): unknown[] {
  const id = (item: unknown) => {
    if (mergeKey === undefined) return item;
    if (!isRecord(item)) throw badPatch('invalid patch format of setElementOrder list');
    return keyValue(item, mergeKey);
  };
  const places = (list: readonly unknown[]) => {
    const result = new Map<unknown, number>();
    for (const [i, item] of list.entries()) if (!result.has(id(item))) result.set(id(item), i);
    return result;
  };
  const [inPatch, inLive] = [places(patchOrder), places(liveOrder)];
  const by = (order: ReadonlyMap<unknown, number>) => (a: unknown, b: unknown) =>
    (order.get(id(a)) ?? Number.MAX_SAFE_INTEGER) - (order.get(id(b)) ?? Number.MAX_SAFE_INTEGER);
  const wished = items.filter((item) => inPatch.has(id(item))).sort(by(inPatch));
  const others = items.filter((item) => !inPatch.has(id(item))).sort(by(inLive));
  const result: unknown[] = [];
  let next = 0;
  for (const item of wished) {
    const place = inLive.get(id(item));
    while (place !== undefined && next < others.length) {
      const other = inLive.get(id(others[next]));
      if (other === undefined || other >= place) break;
      result.push(others[next++]);
    }
    result.push(item);
  }
  return [...result, ...others.slice(next)];
}
