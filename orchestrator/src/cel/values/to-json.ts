import { integerOf } from '@berth/kit';
import { isList } from './cel-list.ts';
import { isMap } from './cel-map.ts';
import { Duration } from './duration.ts';
import { Timestamp } from './timestamp.ts';
import { Uint } from './uint.ts';
import type { Value } from './value.ts';

/** A value as JSON. @throws Error – it has none: an optional, a type, what libraries bring. */
export function toJson(value: Value): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string' || typeof value === 'number')
    return value;
  if (typeof value === 'bigint') return integerOf(value);
  if (value instanceof Uint) return integerOf(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Timestamp || value instanceof Duration) return value.toString();
  if (isList(value)) return Array.from(value, toJson);
  if (!isMap(value)) throw new Error('a type that could not marshal to JSON');
  return Object.fromEntries(
    Array.from(value.keys(), (key) => [String(toJson(key)), toJson(value.find(key) as Value)] as const),
  );
}
