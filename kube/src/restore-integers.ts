import { isRecord, setOwn } from './json-value.ts';

/**
 * A deep copy of a JSON value, in which integers that were rounded are again what they are in `before`, where they stand as
 * they stood there.
 */
export function restoreIntegers<T>(value: T, before: unknown): T {
  return restored(value, before) as T;
}

function restored(value: unknown, before: unknown): unknown {
  if (typeof value === 'number') return typeof before === 'bigint' && Number(before) === value ? before : value;
  if (Array.isArray(value)) {
    const items: readonly unknown[] = Array.isArray(before) ? before : [];
    return value.map((item, i) => restored(item, items[i]));
  }
  if (!isRecord(value)) return value;
  const members = isRecord(before) ? before : {};
  const result: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value))
    setOwn(result, key, restored(member, Object.hasOwn(members, key) ? members[key] : undefined));
  return result;
}
