import type { Comprehension } from '../language/ast.ts';
import { CelError } from '../values/cel-error.ts';
import { ArrayList, type CelList, isList } from '../values/cel-list.ts';
import { type CelMap, EntryMap, isMap } from '../values/cel-map.ts';
import { typeOfValue } from '../values/type-of-value.ts';
import type { Result, Value } from '../values/value.ts';
import { isError, LoopFrame, type Step } from './frame.ts';
import type { Planner } from './plan.ts';

/** The names that a loop brings, while its parts are planned. */
export interface LoopScope {
  readonly outer: LoopScope | undefined;
  read(name: string): ((frame: LoopFrame) => Result) | undefined;
}

interface Loop {
  readonly two: boolean;
  readonly range: Step;
  readonly condition: Step;
  readonly step: Step;
  readonly result: Step;
}

/** A fold over a list or a map; its accumulator gets its first value when it is first asked for. */
export function planLoop(planner: Planner, expr: Comprehension): Step {
  const initial = planner.plan(expr.initial).step;
  const range = planner.plan(expr.range).step;
  const accumulated = (frame: LoopFrame): Result => {
    frame.accumulated ??= growing(initial(frame.outer ?? { run: frame.run, outer: undefined }));
    return frame.accumulated;
  };
  const inside = (results: boolean): Planner =>
    planner.inside({
      outer: planner.scope,
      read: (name) => {
        if (name === expr.accumulator) return accumulated;
        if (results) return undefined;
        if (name === expr.variable) return (frame) => frame.first;
        return name === expr.variable2 ? (frame) => frame.second : undefined;
      },
    });
  const loop: Loop = {
    two: expr.variable2 !== undefined,
    range,
    condition: inside(false).plan(expr.condition).step,
    step: inside(false).plan(expr.step).step,
    result: inside(true).plan(expr.result).step,
  };
  return (frame) => {
    const over = loop.range(frame);
    if (isError(over)) return over;
    const entries = entriesOf(over, loop.two);
    if (entries instanceof CelError) return entries;
    return fold(loop, new LoopFrame(frame), entries);
  };
}

function fold(loop: Loop, frame: LoopFrame, entries: Iterable<readonly [Value, Value]>): Result {
  for (const [first, second] of entries) {
    frame.first = first;
    frame.second = second;
    if (loop.condition(frame) === false) break;
    frame.accumulated = loop.step(frame);
  }
  const result = loop.result(frame);
  if (result instanceof ArrayList || result instanceof EntryMap) result.finish();
  return result;
}

function entriesOf(range: Value, two: boolean): Iterable<readonly [Value, Value]> | CelError {
  if (isList(range)) return listEntries(range, two);
  if (isMap(range)) return mapEntries(range, two);
  const { name } = typeOfValue(range);
  // Loops of two variables look at Go's type.
  if (two) return new CelError(`unsupported comprehension range type: types.${name[0]?.toUpperCase()}${name.slice(1)}`);
  return new CelError(`got '${name}', expected iterable type`);
}

function* listEntries(list: CelList, two: boolean): Iterable<readonly [Value, Value]> {
  let index = 0n;
  for (const item of list) yield two ? [index++, item] : [item, null];
}

function* mapEntries(map: CelMap, two: boolean): Iterable<readonly [Value, Value]> {
  for (const key of map.keys()) yield [key, two ? (map.find(key) as Value) : null];
}

/** An empty list or map that a loop adds to is changed in place, as nobody else holds it. */
function growing(value: Result): Result {
  if (isList(value) && value.size === 0) return new ArrayList([], true);
  if (isMap(value) && value.size === 0) return new EntryMap([], true);
  return value;
}
