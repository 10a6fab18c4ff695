import type { Call, Expr } from '../language/ast.ts';
import type { FunctionDeclaration, Implementation } from '../language/declarations.ts';
import { regexComplaint, withPattern } from '../library/regex.ts';
import { type CelError, noSuchOverload } from '../values/cel-error.ts';
import { isList } from '../values/cel-list.ts';
import { equal } from '../values/equality.ts';
import { Optional } from '../values/optional.ts';
import { typeOfValue } from '../values/type-of-value.ts';
import { Uint } from '../values/uint.ts';
import type { Result, Value } from '../values/value.ts';
import { weightOf } from '../values/weight.ts';
import { dispatch } from './dispatch.ts';
import { type Frame, isError, type Step } from './frame.ts';
import { constant, PlanError, type Planned, type Planner } from './plan.ts';
import { runtimeCost } from './runtime-cost.ts';

const conversions = new Set([
  'bool',
  'bytes',
  'double',
  'duration',
  'dyn',
  'int',
  'string',
  'timestamp',
  'type',
  'uint',
]);

/** Operators that look at their arguments by themselves, then functions. @throws PlanError */
export function planCall(planner: Planner, expr: Call): Planned {
  const exprs: readonly Expr[] = expr.target ? [expr.target, ...expr.args] : expr.args;
  const args = exprs.map((arg) => planner.plan(arg));
  const [a, b, c] = args as [Planned, Planned, Planned];
  switch (expr.name) {
    case '_&&_':
      return { step: logical(false, a.step, b.step) };
    case '_||_':
      return { step: logical(true, a.step, b.step) };
    case '_?_:_':
      return planner.conditional(a, b, c);
    case '_[_]':
      return planner.index(a, b, false);
    case '_?._':
    case '_[?_]':
      return planner.index(a, b, true);
    case '_==_':
      return { step: comparison(planner, a.step, b.step, true) };
    case '_!=_':
      return { step: comparison(planner, a.step, b.step, false) };
    case 'or':
    case 'orValue':
      if (args.length === 2 && isOptionalCall(expr))
        return { step: optionalElse(a.step, b.step, expr.name === 'orValue') };
  }
  return planFunction(planner, expr, args);
}

function isOptionalCall({ reference }: Call): boolean {
  return reference?.overloads?.some((id) => id.startsWith('optional_or')) ?? false;
}

function optionalElse(first: Step, second: Step, unwrap: boolean): Step {
  return (frame) => {
    const left = first(frame);
    if (!(left instanceof Optional)) return left;
    if (left.value === undefined) return second(frame);
    return unwrap ? left.value : left;
  };
}

/** Ends at the first term that decides; an error counts only where none does. */
function logical(decisive: boolean, first: Step, second: Step): Step {
  return (frame) => {
    const left = first(frame);
    if (left === decisive) return decisive;
    const right = second(frame);
    if (right === decisive) return decisive;
    if (left !== !decisive) return isError(left) ? left : noSuchOverload;
    if (right !== !decisive) return isError(right) ? right : noSuchOverload;
    return !decisive;
  };
}

function comparison(planner: Planner, first: Step, second: Step, wanted: boolean): Step {
  const name = wanted ? '_==_' : '_!=_';
  const overload = wanted ? 'equals' : 'not_equals';
  const cost = runtimeCost(planner.context.callCost, name, overload);
  return (frame) => {
    const left = first(frame);
    const right = second(frame);
    const { meter } = frame.run;
    if (meter.hurried) meter.addUnpaid(Math.min(weightOf(left, meter.left), weightOf(right, meter.left)));
    const result = isError(left) ? left : isError(right) ? right : equal(left, right) === wanted;
    meter.add(cost([left, right], result));
    return result;
  };
}

function planFunction(planner: Planner, expr: Call, args: readonly Planned[]): Planned {
  const declaration = planner.context.functions.get(expr.name);
  if (!declaration) throw new PlanError(`no such overload: ${expr.name}`);
  const overloads = expr.reference?.overloads ?? [];
  const overload = overloads.length === 1 ? (overloads[0] as string) : '';
  const folded = foldConstants(expr, args, declaration, overload);
  if (folded) return folded;
  const run = foldPattern(expr.name, args) ?? dispatch(declaration, overload);
  const cost = runtimeCost(planner.context.callCost, expr.name, overload);
  // cel-go evaluates up to two arguments in any case, more only until one fails.
  const lazy = args.length > 2;
  const lenient = expr.name === '@not_strictly_false';
  return {
    step: call({
      steps: args.map(({ step }) => step),
      run,
      cost,
      lazy,
      lenient,
      idle: expr.name === 'check',
      heavy: expr.name === 'flatten' || expr.name === 'format',
      late: planner.context.costOfResult.has(overload),
    }),
  };
}

interface FunctionCall {
  readonly steps: readonly Step[];
  readonly run: Implementation;
  readonly cost: (args: readonly Result[], result: Result) => number;
  readonly lazy: boolean;
  readonly lenient: boolean;
  /** Someone else does it: an authorizer. */
  readonly idle: boolean;
  /** Its cost does not count all that it goes through. */
  readonly heavy: boolean;
  /** Its cost depends on its result. */
  readonly late: boolean;
}

function call({ steps, run, cost, lazy, lenient, late, idle, heavy }: FunctionCall): Step {
  if (lenient) return lenientCall(steps[0] as Step, cost);
  return (frame: Frame) => {
    const args: Result[] = [];
    let failed: CelError | undefined;
    for (const step of steps) {
      const value = step(frame);
      args.push(value);
      if (!isError(value)) continue;
      failed ??= value;
      if (lazy) break;
    }
    const complete = args.length === steps.length;
    const { meter } = frame.run;
    if (complete && !late) meter.add(cost(args, null), idle);
    if (complete && heavy && meter.hurried) for (const arg of args) meter.addUnpaid(weightOf(arg, meter.left));
    const result = failed ?? run(...(args as Value[]));
    if (complete && late) meter.add(cost(args, result));
    return result;
  };
}

/** A loop's condition: goes on over errors. */
function lenientCall(argument: Step, cost: FunctionCall['cost']): Step {
  return (frame) => {
    const value = argument(frame);
    const result = value !== false;
    frame.run.meter.add(cost([value], result));
    return result;
  };
}

/** Conversions of constants are done once, and so are sets of constants that something is looked for in. */
function foldConstants(
  expr: Call,
  args: readonly Planned[],
  declaration: FunctionDeclaration,
  overload: string,
): Planned | undefined {
  const [a, b] = args;
  if (args.length === 1 && a?.constant && conversions.has(expr.name)) {
    const value = dispatch(declaration, overload)(a.constant.value);
    if (isError(value)) throw new PlanError(value.message);
    return constant(value);
  }
  const set = b?.constant?.value;
  if (overload !== 'in_list' || !a || set === undefined || !isList(set)) return undefined;
  if (set.size === 0) return constant(false);
  const items = [...set];
  if (!items.every(isPrimitive)) return undefined;
  return { step: member(a.step, items) };
}

/** A pattern that is a constant is read before anything runs, and is found wrong then. @throws PlanError */
function foldPattern(name: string, [, pattern]: readonly Planned[]): Implementation | undefined {
  const text = pattern?.constant?.value;
  const run = typeof text === 'string' ? withPattern[name] : undefined;
  if (!run) return undefined;
  const complaint = regexComplaint(text as string);
  if (complaint !== undefined) throw new PlanError(complaint);
  return run;
}

function isPrimitive(value: Value): boolean {
  return typeof value !== 'object' || value instanceof Uint;
}

/** Costs nothing: it is one look-up. */
function member(argument: Step, items: readonly Value[]): Step {
  const strings = new Set(items.filter((item) => typeof item === 'string'));
  return (frame) => {
    const value = argument(frame);
    if (isError(value)) return value;
    if (typeof value === 'string') return strings.has(value);
    return (
      items.some((item) => typeOfValue(item) === typeOfValue(value) && equal(item, value)) ||
      items.some((item) => equal(item, value))
    );
  };
}
