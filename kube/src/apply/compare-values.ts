import { isNumber } from '@berth/kit';
import { isRecord } from '../json-value.ts';
import { compareText } from './compare-text.ts';

/** A total order of JSON values (structured-merge-diff value.Compare): numbers, texts, truths, lists, maps, null. */
export function compareValues(a: unknown, b: unknown): number {
  const [rank, other] = [rankOf(a), rankOf(b)];
  if (rank !== other) return rank - other;
  if (typeof a === 'string') return compareText(a, b as string);
  if (Array.isArray(a)) return compareLists(a, b as unknown[]);
  if (isRecord(a)) return compareMaps(a, b as Record<string, unknown>);
  if (isNumber(a) && isNumber(b)) return a < b ? -1 : a > b ? 1 : 0;
  return Number(a) - Number(b);
}

function rankOf(value: unknown): number {
  if (isNumber(value)) return 0;
  if (typeof value === 'string') return 1;
  if (typeof value === 'boolean') return 2;
  if (Array.isArray(value)) return 3;
  return isRecord(value) ? 4 : 5;
}

function compareLists(a: readonly unknown[], b: readonly unknown[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compareValues(a[i], b[i]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareMaps(a: Record<string, unknown>, b: Record<string, unknown>): number {
  const [names, others] = [Object.keys(a).sort(compareText), Object.keys(b).sort(compareText)];
  for (const [i, name] of names.entries()) {
    const other = others[i];
    if (other === undefined) return 1;
    const order = compareText(name, other) || compareValues(a[name], b[other]);
    if (order !== 0) return order;
  }
  return names.length - others.length;
}

/** Whether two JSON values are the same; a field that is null is not one that is absent. */
export function equalValues(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!equalValues(a[i], b[i])) return false;
    return true;
  }
  // A float is compared with an integer as a float.
  if (typeof a === 'bigint' || typeof b === 'bigint')
    return typeof a !== typeof b && isNumber(a) && isNumber(b) && Number(a) === Number(b);
  if (!isRecord(a) || !isRecord(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  for (const name of names) if (!Object.hasOwn(b, name) || !equalValues(a[name], b[name])) return false;
  return true;
}
