import type { Value } from '../values/value.ts';
import type { CelType } from './cel-type.ts';

/** What the checker found a name or a call to mean. */
export interface Reference {
  /** Of a variable: its full name. */
  readonly name?: string;
  /** Of a constant: a type, an enum value. */
  readonly value?: Value;
  /** Of a call: which overloads it may be. */
  readonly overloads?: readonly string[];
}

interface Node {
  readonly id: number;
  /** Offset into the text; -1 for what a macro made of nothing. */
  readonly at: number;
  /** Set by the checker. */
  type?: CelType;
  reference?: Reference;
}

export interface Literal extends Node {
  kind: 'literal';
  value: Value;
}
export interface Ident extends Node {
  kind: 'ident';
  name: string;
}
export interface Select extends Node {
  kind: 'select';
  operand: Expr;
  field: string;
  /** `has(a.b)` */
  testOnly: boolean;
}
export interface Call extends Node {
  kind: 'call';
  name: string;
  target: Expr | undefined;
  args: Expr[];
}
export interface ListLiteral extends Node {
  kind: 'list';
  elements: Expr[];
  /** Indexes of `?x` */
  optional: ReadonlySet<number>;
}
export interface MapEntry {
  readonly id: number;
  readonly at: number;
  readonly key: Expr;
  readonly value: Expr;
  readonly optional: boolean;
}
export interface MapLiteral extends Node {
  kind: 'map';
  entries: MapEntry[];
}
export interface FieldEntry {
  readonly id: number;
  readonly at: number;
  readonly field: string;
  readonly value: Expr;
  readonly optional: boolean;
}
export interface StructLiteral extends Node {
  kind: 'struct';
  name: string;
  fields: FieldEntry[];
}
export interface Comprehension extends Node {
  kind: 'comprehension';
  range: Expr;
  variable: string;
  variable2: string | undefined;
  accumulator: string;
  initial: Expr;
  condition: Expr;
  step: Expr;
  result: Expr;
}

export type Expr = Literal | Ident | Select | Call | ListLiteral | MapLiteral | StructLiteral | Comprehension;

/** Not to be written in source: no expression meets it by chance. */
export const accumulatorName = '@result';

/** Turns a node into another in place: whoever holds it sees the change. */
export function become(node: Expr, other: Omit<Ident, 'id' | 'at'> | Omit<Call, 'id' | 'at'>): void {
  const { id, at } = node;
  for (const key of Object.keys(node)) delete (node as unknown as Record<string, unknown>)[key];
  Object.assign(node, { id, at }, other);
}

/** The expressions that one is made of. */
export function partsOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'select':
      return [expr.operand];
    case 'call':
      return expr.target ? [expr.target, ...expr.args] : expr.args;
    case 'list':
      return expr.elements;
    case 'map':
      return expr.entries.flatMap(({ key, value }) => [key, value]);
    case 'struct':
      return expr.fields.map(({ value }) => value);
    case 'comprehension':
      return [expr.range, expr.initial, expr.condition, expr.step, expr.result];
    default:
      return [];
  }
}
