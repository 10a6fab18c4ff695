import { CelType } from '../language/cel-type.ts';
import { type CelList, isList } from './cel-list.ts';
import { type CelMap, isMap } from './cel-map.ts';
import { Duration } from './duration.ts';
import { Optional } from './optional.ts';
import { Timestamp } from './timestamp.ts';
import { isOpaque } from './type-of-value.ts';
import { Uint } from './uint.ts';
import type { Value } from './value.ts';

/** CEL's `==`: numbers of every type by what they are, everything else only within its type. */
export function equal(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return equalNumbers(a, b);
  if (a instanceof Uint) return equalNumbers(a, b);
  if (isList(a)) return isList(b) && equalLists(a, b);
  if (isMap(a)) return isMap(b) && equalMaps(a, b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos;
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos;
  if (a instanceof CelType) return b instanceof CelType && a.name === b.name;
  if (a instanceof Optional) return b instanceof Optional && equalOptionals(a, b);
  return isOpaque(a) && isOpaque(b) && a.opaque.name === b.opaque.name && a.equals(b);
}

function equalNumbers(a: Value, b: Value): boolean {
  const [left, right] = [numberOf(a), numberOf(b)];
  return left !== undefined && right !== undefined && sameNumber(left, right);
}

/** An integer and a double are compared as doubles. */
function sameNumber(a: number | bigint, b: number | bigint): boolean {
  return typeof a === typeof b ? a === b : Number(a) === Number(b);
}

export function numberOf(value: Value): number | bigint | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return value instanceof Uint ? value.value : undefined;
}

function equalLists(a: CelList, b: CelList): boolean {
  if (a.equalTo) return a.equalTo(b);
  if (a.size !== b.size) return false;
  for (let i = 0; i < a.size; i++) if (!equal(a.at(i), b.at(i))) return false;
  return true;
}

function equalMaps(a: CelMap, b: CelMap): boolean {
  if (a.equalTo) return a.equalTo(b);
  if (a.size !== b.size) return false;
  for (const key of a.keys()) {
    const [left, right] = [a.find(key), b.find(key)];
    if (left === undefined || right === undefined) return false;
    if (!equal(left as Value, right as Value)) return false;
  }
  return true;
}

function equalOptionals(a: Optional, b: Optional): boolean {
  if (a.value === undefined || b.value === undefined) return a.present === b.present;
  return equal(a.value, b.value);
}
