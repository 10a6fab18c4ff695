import { isList } from './cel-list.ts';
import { isMap } from './cel-map.ts';
import type { Result, Value } from './value.ts';

const known = new WeakMap<object, number>();

/** How much is in a value, all the way down; counted once for each. */
export function weightOf(value: Result): number {
  if (typeof value === 'string') return Math.trunc(value.length / 10);
  if (typeof value !== 'object' || value === null) return 0;
  if (!isList(value) && !isMap(value)) return 1;
  let weight = known.get(value);
  if (weight === undefined) {
    weight = 1;
    if (isList(value)) for (const item of value) weight += 1 + weightOf(item);
    else for (const key of value.keys()) weight += 1 + weightOf(value.find(key) as Value);
    known.set(value, weight);
  }
  return weight;
}
