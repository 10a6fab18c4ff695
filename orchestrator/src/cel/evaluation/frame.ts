import { CelError } from '../values/cel-error.ts';
import type { Result, Value } from '../values/value.ts';
import type { CostMeter } from './cost-meter.ts';

/** Gives variables of an evaluation their values; undefined: there is none of that name. */
export type Activation = (name: string) => Result | undefined;

/** One evaluation. */
export interface Run {
  readonly variables: Activation;
  readonly meter: CostMeter;
}

/** Where a part of an expression is evaluated: inside which loops. */
export interface Frame {
  readonly run: Run;
  readonly outer: LoopFrame | undefined;
}

/** The inside of a loop. */
export class LoopFrame implements Frame {
  readonly run: Run;
  readonly outer: LoopFrame | undefined;
  first: Value = null;
  second: Value = null;
  accumulated: Result | undefined;

  constructor(around: Frame) {
    this.run = around.run;
    this.outer = around instanceof LoopFrame ? around : around.outer;
  }
}

/** A planned expression: what it gives, its cost counted on the way. */
export type Step = (frame: Frame) => Result;

export function isError(result: Result | undefined): result is CelError {
  return result instanceof CelError;
}
