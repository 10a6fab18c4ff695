import { isList } from './cel-list.ts';
import { isMap } from './cel-map.ts';
import type { Result, Value } from './value.ts';

const known = new WeakMap<object, number>();

/** How much is in a value, all the way down; no further than `limit`, which is not far enough to know more. */
export function weightOf(value: Result, limit: number): number {
  if (typeof value === 'string') return Math.trunc(value.length / 10);
  if (typeof value !== 'object' || value === null) return 0;
  if (!isList(value) && !isMap(value)) return 1;
  const counted = known.get(value);
  if (counted !== undefined) return counted;
  let weight = 1;
  for (const inner of parts(value)) {
    weight += 1 + weightOf(inner, limit - weight);
    if (weight > limit) return weight;
  }
  known.set(value, weight);
  return weight;
}

function* parts(value: Value): Iterable<Value> {
  if (isList(value)) yield* value;
  else if (isMap(value)) for (const key of value.keys()) yield value.find(key) as Value;
}
