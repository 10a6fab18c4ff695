import type { Call, Comprehension, Expr } from '../language/ast.ts';
import { dynType } from '../language/cel-type.ts';
import { callCost } from './call-cost.ts';
import { fixed, plus, type Range, times, union } from './cost-range.ts';
import { type EntrySize, type SizeOf, Sizes } from './sizes.ts';

export type { Range as CostRange } from './cost-range.ts';
export type { SizeOf } from './sizes.ts';

const nothing = fixed(0);
const one = fixed(1);

/** What an evaluation can cost, told from the expression and from how large its variables can be (cel-go's checker/cost.go). */
export function estimateCost(expr: Expr, sizeOf: SizeOf): Range {
  return new Coster(new Sizes(sizeOf)).cost(expr);
}

class Coster {
  readonly sizes: Sizes;

  constructor(sizes: Sizes) {
    this.sizes = sizes;
  }

  cost(expr: Expr): Range {
    switch (expr.kind) {
      case 'literal':
        return nothing;
      case 'ident':
        this.sizes.setPath(expr, this.sizes.local(expr.name)?.path ?? [expr.name]);
        return one;
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return plus(...expr.fields.map(({ value }) => this.cost(value)), fixed(40));
      default:
        return isBind(expr) ? this.#bind(expr) : this.#loop(expr);
    }
  }

  #select(expr: Expr & { readonly kind: 'select' }): Range {
    const operand = this.cost(expr.operand);
    if (expr.testOnly) return operand;
    const { kind } = expr.operand.type ?? dynType;
    this.sizes.setPath(expr, [...this.sizes.path(expr.operand), expr.field]);
    return kind === 'map' || kind === 'object' || kind === 'param' ? plus(operand, one) : operand;
  }

  #call(expr: Call): Range {
    const [first] = expr.args;
    if (expr.name === 'dyn' && first) {
      const cost = plus(one, this.cost(first));
      this.sizes.copy(expr, first);
      return cost;
    }
    const args = expr.args.map((arg) => ({ cost: this.cost(arg), node: this.sizes.node(arg) }));
    const overloads = expr.reference?.overloads ?? [];
    if (overloads.length === 0) return nothing;
    const target = expr.target ? { cost: this.cost(expr.target), node: this.sizes.node(expr.target) } : undefined;
    let cost: Range | undefined;
    let result: Range | undefined;
    for (const overload of overloads) {
      const found = callCost(this.sizes, { expr, overload, target: target?.node, args });
      cost = cost ? union(cost, found.cost) : found.cost;
      if (found.result) result = result ? union(result, found.result) : found.result;
      if (overload === 'index_list' || overload === 'index_map') result = this.#element(expr, overload) ?? undefined;
      result ??= this.sizes.size(expr);
    }
    if (result) this.sizes.setSize(expr, result);
    return plus(target?.cost ?? nothing, cost ?? nothing);
  }

  #element(expr: Call, overload: string): Range | undefined {
    const [container] = expr.args;
    if (!container) return undefined;
    this.sizes.setPath(expr, [...this.sizes.path(container), overload === 'index_list' ? '@items' : '@values']);
    return this.sizes.entry(container)?.value;
  }

  #list(expr: Expr & { readonly kind: 'list' }): Range {
    const costs = expr.elements.map((element) => this.cost(element));
    const sizes = expr.elements.map((element) => this.sizes.sizeOrUnknown(element));
    this.sizes.setEntry(expr, { container: 'list', key: one, value: unionOf(sizes) });
    return plus(...costs, fixed(10));
  }

  #map(expr: Expr & { readonly kind: 'map' }): Range {
    const costs = expr.entries.flatMap(({ key, value }) => [this.cost(key), this.cost(value)]);
    const keys = expr.entries.map(({ key }) => this.sizes.sizeOrUnknown(key));
    const values = expr.entries.map(({ value }) => this.sizes.sizeOrUnknown(value));
    this.sizes.setEntry(expr, { container: 'map', key: unionOf(keys), value: unionOf(values) });
    return plus(...costs, fixed(30));
  }

  #loop(expr: Comprehension): Range {
    const before = plus(this.cost(expr.range), this.cost(expr.initial));
    this.sizes.pushVariable(expr.accumulator, expr.initial);
    if (expr.variable2 === undefined) this.sizes.pushElement(expr.variable, expr.range, 'single');
    else {
      this.sizes.pushElement(expr.variable, expr.range, 'key');
      this.sizes.pushElement(expr.variable2, expr.range, 'value');
    }
    const condition = this.cost(expr.condition);
    const step = this.cost(expr.step);
    this.sizes.pop(expr.variable);
    if (expr.variable2 !== undefined) this.sizes.pop(expr.variable2);
    const result = this.cost(expr.result);
    this.sizes.pop(expr.accumulator);
    const rounds = this.sizes.sizeOrUnknown(expr.range);
    this.#loopSize(expr, rounds);
    return plus(before, result, times(rounds, plus(step, condition)));
  }

  #loopSize(expr: Comprehension, rounds: Range): void {
    const { kind } = expr.initial;
    if (kind === 'literal') {
      const size = this.sizes.size(expr.initial);
      if (size) this.sizes.setSize(expr, size);
    } else if (kind === 'list' || kind === 'map') {
      this.sizes.setSize(expr, rounds);
      const entry: EntrySize | undefined = this.sizes.entry(expr.step);
      if (entry) this.sizes.setEntry(expr, entry);
    }
  }

  #bind(expr: Comprehension): Range {
    const before = plus(this.cost(expr.range), this.cost(expr.initial));
    this.sizes.pushVariable(expr.accumulator, expr.initial);
    const result = this.cost(expr.result);
    this.sizes.pop(expr.accumulator);
    this.sizes.copy(expr, expr.result);
    return plus(before, result);
  }
}

function isBind({ range, condition, accumulator }: Comprehension): boolean {
  return (
    range.kind === 'list' &&
    range.elements.length === 0 &&
    condition.kind === 'literal' &&
    condition.value === false &&
    accumulator !== '__result__'
  );
}

/** Of nothing: nothing. */
function unionOf(ranges: readonly Range[]): Range {
  return ranges.length === 0 ? nothing : ranges.reduce(union);
}
