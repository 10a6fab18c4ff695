import { FindingRe2 } from '../../re2/finding-re2.ts';
import { Re2 } from '../../re2/re2.ts';
import { declare, type FunctionDeclaration, type Implementation } from '../language/declarations.ts';
import { CelError, noSuchOverload } from '../values/cel-error.ts';
import { ArrayList } from '../values/cel-list.ts';
import type { Result, Value } from '../values/value.ts';

/** Expressions use few patterns and use them often; many different ones come from data. */
const maxKept = 100;

class Kept<T> {
  readonly #kept = new Map<string, T>();
  readonly #make: (pattern: string) => T;

  constructor(make: (pattern: string) => T) {
    this.#make = make;
  }

  get(pattern: string): T {
    const known = this.#kept.get(pattern);
    if (known) return known;
    const made = this.#make(pattern);
    if (this.#kept.size >= maxKept) this.#kept.clear();
    this.#kept.set(pattern, made);
    return made;
  }
}

const testers = new Kept((pattern) => new Re2(pattern));
const finders = new Kept((pattern) => new FindingRe2(pattern));

function attempt(prefix: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    return new CelError(prefix + (error as Error).message);
  }
}

/** Whether a pattern is one; its complaint in Go's words. */
export function regexComplaint(pattern: string): string | undefined {
  try {
    testers.get(pattern);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

export function matches(text: Value, pattern: Value): Result {
  if (typeof text !== 'string') return new CelError('no such overload: matches');
  if (typeof pattern !== 'string') return noSuchOverload;
  return attempt('', () => testers.get(pattern).test(text));
}

const illegal = 'Illegal regex: ';

function find(text: Value, pattern: Value): Result {
  return attempt(illegal, () => finders.get(pattern as string).find(text as string) ?? '');
}

function findAll(text: Value, pattern: Value, limit: Value = -1n): Result {
  const most = limit as bigint;
  const count = most < 0n ? Number.POSITIVE_INFINITY : Number(most);
  return attempt(illegal, () => new ArrayList(finders.get(pattern as string).findAll(text as string, count)));
}

/** What these do where their pattern is a constant: what they are asked of may still be no text. */
export const withPattern: Readonly<Record<string, Implementation>> = {
  matches: (text, pattern) => (typeof text === 'string' ? matches(text, pattern as Value) : noSuchOverload),
  find: (text, pattern) => (typeof text === 'string' ? find(text, pattern as Value) : noSuchOverload),
  findAll: (text, pattern, limit) =>
    typeof text === 'string' ? findAll(text, pattern as Value, limit) : noSuchOverload,
};

/** Kubernetes' `find` and `findAll`. */
export const regex: readonly FunctionDeclaration[] = [
  declare('find', { string_find_string: ['string.(string): string', find] }),
  declare('findAll', {
    string_find_all_string: [
      'string.(string): list(string)',
      (text, pattern) => findAll(text as Value, pattern as Value),
    ],
    string_find_all_string_int: ['string.(string, int): list(string)', findAll],
  }),
];
