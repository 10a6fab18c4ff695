import type { Call } from '../language/ast.ts';
import { fixed, plus, type Range, scaled, times, union, unknownRange, unlimited } from './cost-range.ts';
import type { SizedNode, Sizes } from './sizes.ts';

interface LibraryCall {
  readonly expr: Call;
  readonly overload: string;
  readonly target: SizedNode | undefined;
  readonly args: readonly SizedNode[];
}

interface Estimate {
  readonly cost: Range;
  readonly result?: Range | undefined;
}

type Rule = (sizes: Sizes, call: LibraryCall) => Estimate | undefined;

const stringFactor = 0.1;
const regexFactor = 0.25;
/** Longest names' regular expressions and named formats (cel/limits.go). */
const maxNameFormatRegexSize = 128;
const maxFormatSize = 64n;

const one: Rule = () => ({ cost: fixed(1) });

function sizeOf(sizes: Sizes, node: SizedNode): Range {
  return node.size ?? sizes.bySchema(node.path) ?? unknownRange;
}

function elementOf({ type, path }: SizedNode): SizedNode | undefined {
  const [element] = type.parameters;
  if (!element) return undefined;
  return { expr: undefined, type: element, path: path.length > 0 ? [...path, '@items'] : [], size: undefined };
}

/** Every element is compared; strings and bytes by their length. */
const listWalk: Rule = (sizes, { target }) => {
  if (!target) return undefined;
  const whole = sizeOf(sizes, target);
  const element = elementOf(target);
  if (!element) return { cost: scaled(whole, stringFactor) };
  const text = element.type.kind === 'string' || element.type.kind === 'bytes';
  const each = text ? plus(fixed(1), scaled(sizeOf(sizes, element), stringFactor)) : fixed(1);
  return { cost: times(whole, each) };
};

const argumentText =
  (factor: number, keepsSize = false): Rule =>
  (sizes, { args: [first] }) => {
    if (!first) return undefined;
    const size = sizeOf(sizes, first);
    return { cost: scaled(size, factor * stringFactor), result: keepsSize ? size : undefined };
  };

const sameText: Rule = (sizes, { target }) => {
  const size = target && sizeOf(sizes, target);
  return size && { cost: scaled(size, stringFactor), result: size };
};

const replace: Rule = (sizes, { target, args: [old, next] }) => {
  if (!target || !old || !next) return undefined;
  const whole = sizeOf(sizes, target);
  const [from, to] = [sizeOf(sizes, old), sizeOf(sizes, next)];
  const longest = replaced(whole.max, { old: from.min, next: to.max, same: to.max <= from.min });
  const shortest = replaced(whole.min, { old: from.max, next: to.min, same: from.max <= to.min });
  const result = plus(times({ min: shortest.count, max: longest.count }, to), {
    min: shortest.kept,
    max: longest.kept,
  });
  return { cost: scaled(whole, 2 * stringFactor), result };
};

function replaced(
  whole: bigint,
  { old, same }: { readonly old: bigint; readonly next: bigint; readonly same: boolean },
) {
  if (old === 0n) return { count: whole < unlimited ? whole + 1n : whole, kept: whole };
  if (same) return { count: 0n, kept: whole };
  return { count: BigInt(Math.ceil(Number(whole) / Number(old))), kept: 0n };
}

const split: Rule = (sizes, { target, args: [, limit] }) => {
  if (!target) return undefined;
  const whole = sizeOf(sizes, target);
  const most =
    limit?.expr?.kind === 'literal' && typeof limit.expr.value === 'bigint'
      ? BigInt.asUintN(64, limit.expr.value)
      : whole.max;
  return { cost: scaled(whole, 2 * stringFactor), result: { min: 0n, max: most } };
};

const join: Rule = (sizes, { target, args: [separator] }) => {
  if (!target) return undefined;
  const list = sizeOf(sizes, target);
  const element = elementOf(target);
  let size = element ? times(list, sizeOf(sizes, element)) : fixed(0);
  if (separator) {
    const less = (count: bigint) => (count > 0n ? count - 1n : 0n);
    size = plus(size, times(sizeOf(sizes, separator), { min: less(list.min), max: less(list.max) }));
  }
  return { cost: scaled(size, stringFactor), result: size };
};

const find: Rule = (sizes, { target, args: [pattern] }) => {
  if (!target || !pattern) return undefined;
  const whole = sizeOf(sizes, target);
  const cost = times(scaled(plus(whole, fixed(1)), stringFactor), scaled(sizeOf(sizes, pattern), regexFactor));
  return { cost, result: { min: 0n, max: whole.max } };
};

const addressSize: Range = { min: 4n, max: 16n };

const containsIp: Rule = (sizes, { overload, args: [inner] }) => {
  if (!inner) return undefined;
  const cost = scaled(plus(addressSize, addressSize), stringFactor);
  return { cost: overload.endsWith('_string') ? plus(cost, scaled(sizeOf(sizes, inner), stringFactor)) : cost };
};

const containsCidr: Rule = (sizes, { overload, args: [inner] }) => {
  if (!inner) return undefined;
  const cost = plus(scaled(plus(addressSize, addressSize), stringFactor), scaled(addressSize, stringFactor), fixed(1));
  return { cost: overload.endsWith('_string') ? plus(cost, scaled(sizeOf(sizes, inner), stringFactor)) : cost };
};

const validate: Rule = (sizes, { args: [text] }) =>
  text && { cost: scaled(scaled(sizeOf(sizes, text), stringFactor), maxNameFormatRegexSize * regexFactor) };

const selector: Rule = (sizes, { args: [text] }) => {
  if (!text) return undefined;
  const size = sizeOf(sizes, text);
  return { cost: plus(fixed(10), scaled(size, stringFactor), scaled(scaled(size, 0.5), 50)) };
};

const cheaplyEqual = new Set([
  'net.IP',
  'net.CIDR',
  'kubernetes.Quantity',
  'kubernetes.Semver',
  'kubernetes.authorization.Authorizer',
  'kubernetes.authorization.PathCheck',
  'kubernetes.authorization.GroupCheck',
  'kubernetes.authorization.ResourceCheck',
  'kubernetes.authorization.Decision',
]);

const equality: Rule = (_, { args: [a, b] }) => {
  if (!a || !b || !a.type.is(b.type)) return undefined;
  if (cheaplyEqual.has(a.type.name)) return { cost: fixed(1) };
  if (a.type.name === 'kubernetes.NamedFormat') return { cost: scaled({ min: 1n, max: maxFormatSize }, stringFactor) };
  if (a.type.name !== 'kubernetes.URL') return undefined;
  const size = b.size ? union(b.size, b.size) : fixed(1);
  return { cost: scaled({ min: 1n, max: size.max }, stringFactor) };
};

const rules: Readonly<Record<string, Rule>> = {
  ...same(
    'serviceAccount path group resource subresource namespace name allowed reason error errored masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast format.named sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub major minor patch getScheme getHostname getHost getPort getEscapedPath getQuery',
    one,
  ),
  ...same('isSorted sum max min indexOf lastIndexOf', listWalk),
  ...same('url jsonpatch.escapeKey', argumentText(1, true)),
  ...same('lowerAscii upperAscii substring trim', sameText),
  ...same('cidr isIP isCIDR quantity isQuantity semver isSemver', argumentText(1)),
  ...same('find findAll', find),
  ...same('fieldSelector labelSelector', selector),
  check: () => ({ cost: fixed(350_000) }),
  replace,
  split,
  join,
  ip: (sizes, call) => (call.overload === 'cidr_ip' ? one(sizes, call) : argumentText(1)(sizes, call)),
  'ip.isCanonical': argumentText(2),
  containsIP: containsIp,
  containsCIDR: containsCidr,
  validate,
  '_==_': equality,
};

function same(names: string, rule: Rule): Readonly<Record<string, Rule>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, rule]));
}

/** A list made anew: some for the call, ten for the list. */
function allocating(size: Range, factor: number): Estimate {
  return { cost: plus(scaled(size, factor), fixed(11)), result: size };
}

function literalInt(node: SizedNode | undefined, otherwise: bigint): bigint {
  const expr = node?.expr;
  if (expr?.kind !== 'literal' || typeof expr.value !== 'bigint') return otherwise;
  return expr.value < 0n ? 0n : expr.value;
}

const sets =
  (factor: number): Rule =>
  (sizes, { args: [a, b] }) =>
    a && b && { cost: plus(scaled(times(sizeOf(sizes, a), sizeOf(sizes, b)), factor), fixed(1)) };

const slice: Rule = (sizes, { target, args: [start, end] }) => {
  if (!target) return undefined;
  const last = literalInt(end, sizeOf(sizes, target).max);
  return allocating(fixed(BigInt.asUintN(64, last - literalInt(start, 0n))), 1);
};

function sorted(sizes: Sizes, node: SizedNode | undefined, overload: string): Estimate | undefined {
  if (!node) return undefined;
  const size = sizeOf(sizes, node);
  const factor = /^list_(string|bytes)_/.test(overload) ? 2 + stringFactor : 2;
  return allocating(times(size, size), factor);
}

const onTarget =
  (make: (size: Range, call: LibraryCall) => Estimate): Rule =>
  (sizes, call) =>
    call.target && make(sizeOf(sizes, call.target), call);

const byOverload: Readonly<Record<string, Rule>> = {
  list_slice: slice,
  lists_range: (_, { args: [count] }) => allocating(fixed(literalInt(count, unlimited)), 1),
  list_reverse: onTarget((size) => allocating(size, 1)),
  list_flatten: onTarget((size) => allocating(size, 1)),
  list_flatten_int: onTarget((size, { args: [depth] }) => allocating(size, Number(literalInt(depth, unlimited)))),
  list_distinct: onTarget((size) => allocating(times(size, size), 2)),
  list_sets_contains_list: sets(1),
  list_sets_intersects_list: sets(1),
  list_sets_equivalent_list: sets(2),
};

/** By Kubernetes' rules and those of cel-go's extensions; undefined: cel-go's own. */
export function kubernetesCallCost(sizes: Sizes, call: LibraryCall): Estimate | undefined {
  const { overload, target, args, expr } = call;
  if (overload.endsWith('_sort')) return sorted(sizes, target, overload);
  if (overload.endsWith('_sortByAssociatedKeys')) return sorted(sizes, args[0], overload);
  const own = Object.hasOwn(byOverload, overload) ? byOverload[overload] : undefined;
  if (own) return own(sizes, call);
  return Object.hasOwn(rules, expr.name) ? (rules[expr.name] as Rule)(sizes, call) : undefined;
}
