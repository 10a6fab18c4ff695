import type { Call, Expr } from '../language/ast.ts';
import { fixed, plus, type Range, scaled, times, union } from './cost-range.ts';
import { kubernetesCallCost } from './kubernetes-call-cost.ts';
import { type SizedNode, type Sizes, unionOfEntries } from './sizes.ts';

export interface EstimatedCall {
  readonly expr: Call;
  readonly overload: string;
  readonly target: SizedNode | undefined;
  readonly args: readonly { readonly cost: Range; readonly node: SizedNode }[];
}

/** Of one call: what it costs, its arguments included, and how large its result is. */
export interface CallEstimate {
  readonly cost: Range;
  readonly result?: Range | undefined;
}

const stringFactor = 0.1;
const regexFactor = 0.25;

export function callCost(sizes: Sizes, call: EstimatedCall): CallEstimate {
  const own = kubernetesCallCost(sizes, { ...call, args: call.args.map(({ node }) => node) });
  if (own) return { cost: plus(own.cost, sum(call)), result: own.result };
  return logicCost(sizes, call) ?? textCost(sizes, call) ?? { cost: plus(fixed(1), sum(call)) };
}

function sum({ args }: EstimatedCall): Range {
  return plus(...args.map(({ cost }) => cost));
}

function sizeAt(sizes: Sizes, { args }: EstimatedCall, index: number): Range {
  return sizes.sizeOrUnknown(args[index]?.node.expr as Expr);
}

/** Those that need not evaluate all they are given. */
function logicCost(sizes: Sizes, call: EstimatedCall): CallEstimate | undefined {
  const [a, b, c] = call.args;
  if (call.overload === 'logical_and' || call.overload === 'logical_or') {
    if (!a || !b) return undefined;
    return { cost: { min: a.cost.min, max: plus(a.cost, b.cost).max } };
  }
  if (call.overload !== 'conditional' || !a || !b || !c) return undefined;
  const entry = unionOfEntries(sizes.entry(b.node.expr as Expr), sizes.entry(c.node.expr as Expr));
  if (entry) sizes.setEntry(call.expr, entry);
  const result = union(sizeAt(sizes, call, 1), sizeAt(sizes, call, 2));
  return { cost: plus(a.cost, union(b.cost, c.cost)), result };
}

const comparisons = /^(equals|not_equals|(less|greater)(_equals)?_(string|bytes))$/;

function textCost(sizes: Sizes, call: EstimatedCall): CallEstimate | undefined {
  const { overload, target, args } = call;
  const cost = (range: Range, result?: Range): CallEstimate => ({ cost: plus(range, sum(call)), result });
  const whole = target && sizes.sizeOrUnknown(target.expr as Expr);
  const first = args.length > 0 ? sizeAt(sizes, call, 0) : undefined;
  if (comparisons.test(overload)) return cost(comparison(first as Range, sizeAt(sizes, call, 1)));
  switch (overload) {
    case 'string_format':
      return whole && cost(scaled(whole, stringFactor));
    case 'string_to_bytes':
      return first && cost(scaled(first, stringFactor), { min: first.min, max: times(first, fixed(4)).max });
    case 'bytes_to_string':
      return first && cost(scaled(first, stringFactor), { min: first.min / 4n, max: first.max });
    case 'strings_quote':
      return (
        first && cost(scaled(first, stringFactor), plus({ min: first.min, max: times(first, fixed(2)).max }, fixed(2)))
      );
    case 'starts_with_string':
    case 'ends_with_string':
      return first && cost(scaled(first, stringFactor));
    case 'in_list':
      return args.length === 2 ? cost(scaled(sizeAt(sizes, call, 1), 1)) : undefined;
    case 'matches_string':
      return whole && first && cost(times(scaled(plus(whole, fixed(1)), stringFactor), scaled(first, regexFactor)));
    case 'contains_string':
      return whole && first && cost(times(scaled(whole, stringFactor), scaled(first, stringFactor)));
    case 'add_string':
    case 'add_bytes':
    case 'add_list':
      return joined(sizes, call);
    default:
      return undefined;
  }
}

function comparison(a: Range, b: Range): Range {
  const max = a.max < b.max ? a.max : b.max;
  return scaled({ min: max > 0n ? 1n : 0n, max }, stringFactor);
}

function joined(sizes: Sizes, call: EstimatedCall): CallEstimate {
  const [a, b] = call.args;
  const entry = unionOfEntries(sizes.entry(a?.node.expr as Expr), sizes.entry(b?.node.expr as Expr));
  if (entry) sizes.setEntry(call.expr, entry);
  const result = plus(sizeAt(sizes, call, 0), sizeAt(sizes, call, 1));
  const own = call.overload === 'add_list' ? fixed(1) : scaled(result, stringFactor);
  return { cost: plus(own, sum(call)), result };
}
