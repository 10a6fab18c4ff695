import type { Value } from '../values/value.ts';
import { accumulatorName, type Comprehension, type Expr } from './ast.ts';

export interface MacroCall {
  readonly at: number;
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
}

/** Makes another expression of a call; undefined: the call stays. @throws MacroError */
export type Macro = (make: MacroHelper, call: MacroCall) => Expr | undefined;

/** A macro that cannot take its arguments; `at`: which of them. */
export class MacroError extends Error {
  readonly at: number | undefined;

  constructor(message: string, at?: number) {
    super(message);
    this.at = at;
  }
}

/** Builds expressions that stand where the macro's call stood. */
export interface MacroHelper {
  literal(at: number, value: Value): Expr;
  ident(at: number, name: string): Expr;
  accumulator(at: number): Expr;
  call(at: number, name: string, ...args: Expr[]): Expr;
  member(at: number, name: string, target: Expr, ...args: Expr[]): Expr;
  list(at: number, ...elements: Expr[]): Expr;
  map(at: number): Expr;
  presence(at: number, operand: Expr, field: string): Expr;
  fold(at: number, parts: FoldParts): Expr;
}

export type FoldParts = Pick<Comprehension, 'range' | 'variable' | 'initial' | 'condition' | 'step' | 'result'> & {
  readonly variable2?: string;
  readonly accumulator?: string;
};

export function macroHelper(id: () => number): MacroHelper {
  const ident = (at: number, name: string): Expr => ({ kind: 'ident', id: id(), at, name });
  return {
    ident,
    literal: (at, value) => ({ kind: 'literal', id: id(), at, value }),
    accumulator: (at) => ident(at, accumulatorName),
    call: (at, name, ...args) => ({ kind: 'call', id: id(), at, name, target: undefined, args }),
    member: (at, name, target, ...args) => ({ kind: 'call', id: id(), at, name, target, args }),
    list: (at, ...elements) => ({ kind: 'list', id: id(), at, elements, optional: new Set() }),
    map: (at) => ({ kind: 'map', id: id(), at, entries: [] }),
    presence: (at, operand, field) => ({ kind: 'select', id: id(), at, operand, field, testOnly: true }),
    fold: (at, { variable2, accumulator = accumulatorName, ...parts }) => ({
      kind: 'comprehension',
      id: id(),
      at,
      variable2,
      accumulator,
      ...parts,
    }),
  };
}

/** The name that a loop's variable gets. @throws MacroError */
export function variableName(expr: Expr | undefined, words: string): string {
  if (expr?.kind !== 'ident' || expr.name.startsWith('.')) throw new MacroError(words, expr?.at);
  return expr.name;
}

export function refuseAccumulator(name: string, at: number): void {
  if (name === accumulatorName || name === '__result__')
    throw new MacroError('iteration variable overwrites accumulator variable', at);
}
