import type { FieldError } from '../../resource-definition.ts';
import { duplicate, tooMany } from '../field.ts';

type Check<T> = (item: T, field: string) => readonly FieldError[];

/** A list of at most `max` items, each of them right; of longer ones nothing else is said. */
export function boundedList<T>(list: readonly T[] = [], max: number, field: string, check: Check<T>): FieldError[] {
  if (list.length > max) return [tooMany(field, list.length, max)];
  return list.flatMap((item, index) => check(item, `${field}[${index}]`));
}

export interface SetRules<T> {
  readonly max: number;
  readonly check: Check<T>;
  /** What no two items have in common. */
  readonly keyOf: (item: T) => unknown;
}

/** The same without repetitions. */
export function boundedSet<T>(
  list: readonly T[] = [],
  { max, check, keyOf }: SetRules<T>,
  field: string,
): FieldError[] {
  const errors = boundedList(list, max, field, check);
  if (list.length > max) return errors;
  const seen = new Set<string>();
  for (const [index, item] of list.entries()) {
    const key = keyOf(item);
    const text = JSON.stringify(key ?? '');
    if (seen.has(text)) errors.push(duplicate(`${field}[${index}]`, key));
    seen.add(text);
  }
  return errors;
}

export interface MapRules<T> {
  readonly max: number;
  /** Longer keys are told by their ends. */
  readonly keyLength: number;
  readonly checkKey: Check<string>;
  readonly check: Check<T>;
}

export function boundedMap<T>(
  map: Readonly<Record<string, T>> = {},
  { max, keyLength, checkKey, check }: MapRules<T>,
  field: string,
): FieldError[] {
  const entries = Object.entries(map);
  if (entries.length > max) return [tooMany(field, entries.length, max)];
  return entries.flatMap(([key, item]) => [
    ...checkKey(key, field),
    ...check(item, `${field}[${shortened(key, keyLength)}]`),
  ]);
}

function shortened(text: string, length: number): string {
  if (text.length <= length) return text;
  const rest = length - '...'.length;
  return `${text.slice(0, Math.ceil(rest / 2))}...${text.slice(text.length - Math.floor(rest / 2))}`;
}
