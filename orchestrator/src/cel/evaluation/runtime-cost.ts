import { costSize } from '../values/size.ts';
import type { Result } from '../values/value.ts';
import type { CallCost } from './plan.ts';

/** What a unit of a string that is looked through costs. */
export const stringFactor = 0.1;
/** What a unit of a regular expression costs. */
export const regexFactor = 0.25;

/** How a call of this function is counted: by the libraries' own rule, else by cel-go's. */
export function runtimeCost(own: CallCost, name: string, overload: string) {
  return (args: readonly Result[], result: Result): number =>
    own({ name, overload, args, result }) ?? standardCost(overload, args);
}

const comparisons = /^(equals|not_equals|(less|greater)(_equals)?_(string|bytes))$/;
const traversals = new Set([
  'starts_with_string',
  'ends_with_string',
  'string_to_bytes',
  'bytes_to_string',
  'strings_quote',
  'string_format',
]);

function standardCost(overload: string, args: readonly Result[]): number {
  const size = (index: number) => costSize(args[index] as Result);
  if (traversals.has(overload)) return Math.ceil(size(0) * stringFactor);
  if (comparisons.test(overload)) return Math.ceil(Math.min(size(0), size(1)) * stringFactor);
  switch (overload) {
    case 'in_list':
      return size(1);
    case 'add_string':
    case 'add_bytes':
      return Math.ceil((size(0) + size(1)) * stringFactor);
    case 'matches_string':
      return regexCost(size(0), size(1));
    case 'contains_string':
      return Math.ceil(size(0) * stringFactor) * Math.ceil(size(1) * stringFactor);
    default:
      return 1;
  }
}

/** Looking through a text of that size for a pattern of that size. */
export function regexCost(text: number, pattern: number): number {
  return Math.ceil((1 + text) * stringFactor) * Math.ceil(pattern * regexFactor);
}
