import type { CallCost } from '../evaluation/plan.ts';
import { regexCost, stringFactor } from '../evaluation/runtime-cost.ts';
import { isList } from '../values/cel-list.ts';
import { isMap } from '../values/cel-map.ts';
import { costSize } from '../values/size.ts';
import { isOpaque, typeOfValue } from '../values/type-of-value.ts';
import type { Result, Value } from '../values/value.ts';
import { FormatValue } from './formats.ts';

type Rule = (args: readonly Result[], result: Result, overload: string) => number | undefined;

const one: Rule = () => 1;
const size = (args: readonly Result[], index: number) => costSize(args[index] as Result);
const traversal =
  (times: number): Rule =>
  (args) =>
    args.length > 0 ? Math.ceil(size(args, 0) * times * stringFactor) : undefined;

/** Two authorization checks at most: an evaluation may cost 1,000,000 (library/cost.go). */
const checkCost = 350_000;

function listTraversal(args: readonly Result[]): number {
  return args.length > 0 ? dataCost(args[0] as Result) : 0;
}

/** Of everything in a value; strings count their bytes. */
function dataCost(value: Result): number {
  if (typeof value === 'string') return Math.trunc(Buffer.byteLength(value) * stringFactor);
  if (value instanceof Uint8Array) return Math.trunc(value.length * stringFactor);
  let cost = 0;
  if (isList(value)) for (const item of value) cost += dataCost(item);
  else if (isMap(value)) for (const key of value.keys()) cost += dataCost(key) + dataCost(value.find(key) as Value);
  else return 1;
  return cost;
}

function selector(args: readonly Result[]): number | undefined {
  if (args.length < 2) return undefined;
  const length = size(args, 1);
  return 10 + Math.ceil(length * stringFactor) + Math.ceil(Math.ceil(length * 0.5) * 50);
}

/** Told from what is joined, before it is. */
const join: Rule = ([list, separator]) => {
  if (!isList(list)) return 1;
  let length = Math.max(0, list.size - 1) * (separator === undefined ? 0 : costSize(separator));
  for (const item of list) length += costSize(item);
  return Math.ceil(length * 2 * stringFactor);
};
const find: Rule = (args) => (args.length > 1 ? regexCost(size(args, 0), size(args, 1)) : undefined);
const ip: Rule = (args, result, overload) => (overload === 'cidr_ip' ? 1 : traversal(1)(args, result, overload));

const containsIp: Rule = (args, _, overload) => {
  const cost = Math.ceil(size(args, 0) * 2 * stringFactor);
  return overload === 'cidr_contains_ip_string' ? cost + Math.ceil(size(args, 1) * stringFactor) : cost;
};

const containsCidr: Rule = (args, _, overload) => {
  const cost = Math.ceil(size(args, 0) * 2 * stringFactor) + Math.ceil(size(args, 0) * stringFactor) + 1;
  return overload === 'cidr_contains_cidr_string' ? cost + Math.ceil(size(args, 1) * stringFactor) : cost;
};

const validate: Rule = ([format, text]) =>
  format instanceof FormatValue && text !== undefined ? regexCost(costSize(text), format.regexSize) : undefined;

const opaqueEquality: Rule = ([left]) => (isOpaque(left) ? 1 : undefined);

const rules: Readonly<Record<string, Rule>> = {
  ...same(
    'serviceAccount path group resource subresource namespace name allowed reason error errored masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast format.named sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub major minor patch getScheme getHostname getHost getPort getEscapedPath getQuery',
    one,
  ),
  ...same('isSorted sum max min indexOf lastIndexOf', listTraversal),
  ...same(
    'url lowerAscii upperAscii substring trim jsonpatch.escapeKey cidr isIP isCIDR quantity isQuantity semver isSemver',
    traversal(1),
  ),
  ...same('replace split ip.isCanonical', traversal(2)),
  ...same('fieldSelector labelSelector', selector),
  ...same('find findAll', find),
  check: () => checkCost,
  join,
  ip,
  containsIP: containsIp,
  containsCIDR: containsCidr,
  validate,
  '_==_': opaqueEquality,
};

function same(names: string, rule: Rule): Readonly<Record<string, Rule>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, rule]));
}

/** What costs as much as its result is large; everything else is paid for before it is done. */
export const costOfResult: ReadonlySet<string> = new Set(['list_slice']);

/** cel-go's own extensions count by overload, and before everything else. */
const byOverload: Readonly<Record<string, Rule>> = {
  list_slice: (_, result) => allocating(1, costSize(result)),
  lists_range: ([count]) => allocating(1, typeof count === 'bigint' ? Math.max(0, Number(count)) : 1),
  list_reverse: (args) => allocating(1, size(args, 0)),
  list_flatten: (args) => allocating(1, size(args, 0)),
  list_flatten_int: (args) => allocating(Number(args[1]), size(args, 0)),
  list_distinct: (args) => selfComparison(args[0]),
  list_sets_contains_list: (args) => 1 + size(args, 0) * size(args, 1),
  list_sets_intersects_list: (args) => 1 + size(args, 0) * size(args, 1),
  list_sets_equivalent_list: (args) => 1 + size(args, 0) * size(args, 1) * 2,
};

function allocating(factor: number, count: number): number {
  return Math.max(0, Math.trunc(count * factor)) + 1 + 10;
}

function selfComparison(list: Result | undefined): number {
  if (!isList(list)) return 1;
  const count = list.size;
  const first = count > 0 ? typeOfValue(list.at(0)).kind : undefined;
  return allocating(first === 'string' || first === 'bytes' ? 2 + stringFactor : 2, count * count);
}

/** What calls cost in Kubernetes (library/cost.go and the extensions' trackers). */
export const kubernetesCost: CallCost = ({ name, overload, args, result }) => {
  const own = Object.hasOwn(byOverload, overload) ? byOverload[overload] : undefined;
  if (own) return own(args, result, overload);
  if (overload.endsWith('_sort')) return selfComparison(args[0]);
  if (overload.endsWith('_sortByAssociatedKeys')) return selfComparison(args[1]);
  return Object.hasOwn(rules, name) ? (rules[name] as Rule)(args, result, overload) : undefined;
};
