import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import { CelError, noSuchOverload } from '../values/cel-error.ts';
import { ArrayList, type CelList, isList } from '../values/cel-list.ts';
import { compare } from '../values/compare.ts';
import { Duration } from '../values/duration.ts';
import { equal, numberOf } from '../values/equality.ts';
import { typeOfValue } from '../values/type-of-value.ts';
import { Uint } from '../values/uint.ts';
import type { Result, Value } from '../values/value.ts';
import { arithmetic } from './arithmetic.ts';
import { runtimeName } from './format-complaints.ts';

const comparable = ['int', 'uint', 'double', 'bool', 'duration', 'timestamp', 'string', 'bytes'];

function overloads(types: readonly string[], entry: (type: string) => readonly [string, string]) {
  return Object.fromEntries(types.map(entry));
}

/** What is no list is told by its type. */
function noList(name: string, value: Value): CelError {
  return new CelError(`no such overload: ${name}(${runtimeName(typeOfValue(value))})`);
}

function isSorted(list: Value): Result {
  if (!isList(list)) return noList('isSorted', list);
  let before: Value | undefined;
  for (const item of list) {
    if (before !== undefined) {
      const order = compare(before, item);
      if (order instanceof CelError) return order;
      if (order > 0) return false;
    }
    before = item;
  }
  return true;
}

const zeros: Readonly<Record<string, Value>> = { int: 0n, uint: new Uint(0n), double: 0, duration: new Duration(0n) };
const plus = arithmetic.find(({ name }) => name === '_+_')?.run ?? (() => noSuchOverload);

function sum(zero: Value): (list: Value) => Result {
  return (list) => {
    let total = zero;
    for (const item of list as CelList) {
      const next = plus(total, item);
      if (next instanceof CelError) return next;
      total = next;
    }
    return total;
  };
}

/** The first of the greatest or of the smallest. */
function extreme(name: 'min' | 'max'): (list: Value) => Result {
  const wanted = name === 'max' ? -1 : 1;
  return (list) => {
    if (!isList(list)) return noList(name, list);
    let best: Value | undefined;
    for (const item of list) if (best === undefined || compare(best, item) === wanted) best = item;
    return best === undefined ? new CelError(`${name} called on empty list`) : best;
  };
}

function indexOf(list: Value, item: Value): Result {
  let index = 0n;
  for (const element of list as CelList) {
    if (equal(element, item)) return index;
    index++;
  }
  return -1n;
}

function lastIndexOf(list: Value, item: Value): Result {
  const { size } = list as CelList;
  for (let i = size - 1; i >= 0; i--) if (equal((list as CelList).at(i), item)) return BigInt(i);
  return -1n;
}

/** Kubernetes' functions of lists. */
export const lists: readonly FunctionDeclaration[] = [
  declare(
    'isSorted',
    overloads(comparable, (type) => [`list_${type}_is_sorted_bool`, `list(${type}).(): bool`]),
    isSorted,
  ),
  declare(
    'sum',
    Object.fromEntries(
      Object.entries(zeros).map(([type, zero]) => [
        `list_${type}_sum_${type}`,
        [`list(${type}).(): ${type}`, sum(zero)] as const,
      ]),
    ),
  ),
  declare(
    'max',
    overloads(comparable, (type) => [`list_${type}_max_${type}`, `list(${type}).(): ${type}`]),
    extreme('max'),
  ),
  declare(
    'min',
    overloads(comparable, (type) => [`list_${type}_min_${type}`, `list(${type}).(): ${type}`]),
    extreme('min'),
  ),
  declare('indexOf', { list_a_index_of_int: ['list(A).(A): int', indexOf] }),
  declare('lastIndexOf', { list_a_last_index_of_int: ['list(A).(A): int', lastIndexOf] }),
];

function slice(list: Value, from: Value, to: Value): Result {
  const { size } = list as CelList;
  const [start, end] = [from as bigint, to as bigint];
  const about = `cannot slice(${start}, ${end}),`;
  if (start < 0n || end < 0n) return new CelError(`${about} negative indexes not supported`);
  if (start > end) return new CelError(`${about} start index must be less than or equal to end index`);
  if (BigInt(size) < end) return new CelError(`${about} list is length ${size}`);
  return new ArrayList([...(list as CelList)].slice(Number(start), Number(end)));
}

function flatten(list: Value, depth: Value = 1n): Result {
  if (!isList(list)) return noSuchOverload;
  if ((depth as bigint) < 0n) return new CelError('level must be non-negative');
  const items: Value[] = [];
  const collect = (from: CelList, left: bigint): void => {
    for (const item of from) {
      if (isList(item) && left > 0n) collect(item, left - 1n);
      else items.push(item);
    }
  };
  collect(list, depth as bigint);
  return new ArrayList(items);
}

function sortBy(list: Value, keys: Value): Result {
  if (!isList(list) || !isList(keys)) return noSuchOverload;
  if (list.size !== keys.size)
    return new CelError(
      `@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got ${list.size} and ${keys.size} elements respectively`,
    );
  if (list.size === 0) return list;
  const type = typeOfValue(keys.at(0));
  if (!comparable.includes(type.name)) return new CelError('list elements must be comparable');
  const pairs = Array.from(keys, (key, i) => ({ key, item: list.at(i) }));
  if (pairs.length > 1 && pairs.some(({ key }) => !typeOfValue(key).is(type)))
    return new CelError('list elements must have the same type');
  pairs.sort((a, b) => {
    const order = compare(a.key, b.key);
    return order instanceof CelError ? 0 : order;
  });
  return new ArrayList(pairs.map(({ item }) => item));
}

/** Whatever has been seen is left out; what can be hashed is looked up, not compared with all. */
function distinct(list: Value): Result {
  const seen = new Set<Value>();
  const others: Value[] = [];
  const items: Value[] = [];
  for (const item of list as CelList) {
    const number = numberOf(item);
    const hash = typeof number === 'number' && Number.isInteger(number) ? BigInt(number) : (number ?? item);
    const simple = typeof hash !== 'object' || hash === null;
    if (simple ? seen.has(hash) : others.some((other) => equal(other, item))) continue;
    if (simple) seen.add(hash);
    else others.push(item);
    items.push(item);
  }
  return new ArrayList(items);
}

/** An evaluation may cost 1,000,000 in all and an element costs 1: nobody gets to use more. */
const maxRange = 1_000_001n;

function range(count: Value): Result {
  const items: Value[] = [];
  for (let i = 0n; i < (count as bigint) && i < maxRange; i++) items.push(i);
  return new ArrayList(items);
}

/** cel-go's extension of lists, version 3. */
export const listsExtension: readonly FunctionDeclaration[] = [
  declare('slice', { list_slice: ['list(T).(int, int): list(T)', slice] }),
  declare('flatten', {
    list_flatten: ['list(list(T)).(): list(T)', (list) => flatten(list as Value)],
    list_flatten_int: ['list(dyn).(int): list(dyn)', flatten],
  }),
  declare(
    'sort',
    overloads(comparable, (type) => [`list_${longName(type)}_sort`, `list(${type}).(): list(${type})`]),
    // Texts can be received by functions, if by none of this name.
    (list) =>
      isList(list) || typeof list === 'string'
        ? sortBy(list as Value, list as Value)
        : new CelError('no such overload: sort'),
  ),
  declare(
    '@sortByAssociatedKeys',
    overloads(comparable, (type) => [
      `list_${longName(type)}_sortByAssociatedKeys`,
      `list(T).(list(${type})): list(T)`,
    ]),
    sortBy,
  ),
  declare('lists.range', { lists_range: ['(int): list(int)', range] }),
  declare('reverse', {
    list_reverse: ['list(T).(): list(T)', (list) => new ArrayList([...(list as CelList)].reverse())],
  }),
  declare('distinct', { list_distinct: ['list(T).(): list(T)', distinct] }),
];

/** As the types name themselves in overloads' ids. */
function longName(type: string): string {
  if (type === 'duration') return 'google.protobuf.Duration';
  return type === 'timestamp' ? 'google.protobuf.Timestamp' : type;
}

function contains(list: Value, sublist: Value): Result {
  const all = [...(list as CelList)];
  const strings = new Set(all);
  for (const item of sublist as CelList) {
    if (typeof item === 'string' ? !strings.has(item) : !all.some((other) => equal(other, item))) return false;
  }
  return true;
}

/** cel-go's sets. */
export const sets: readonly FunctionDeclaration[] = [
  declare('sets.contains', { list_sets_contains_list: ['(list(T), list(T)): bool', contains] }),
  declare('sets.equivalent', {
    list_sets_equivalent_list: [
      '(list(T), list(T)): bool',
      (a, b) => (contains(a, b) === true ? contains(b, a) : false),
    ],
  }),
  declare('sets.intersects', {
    list_sets_intersects_list: [
      '(list(T), list(T)): bool',
      (a, b) => [...(a as CelList)].some((item) => contains(b, new ArrayList([item])) === true),
    ],
  }),
];
