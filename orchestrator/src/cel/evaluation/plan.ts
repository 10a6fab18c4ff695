import type { Call, Comprehension, Expr, Ident, Select } from '../language/ast.ts';
import type { FunctionDeclaration } from '../language/declarations.ts';
import { protobufMessages } from '../language/protobuf-types.ts';
import type { TypeProvider } from '../language/type-provider.ts';
import { CelError } from '../values/cel-error.ts';
import type { Result, Value } from '../values/value.ts';
import { type Attribute, ConditionalAttribute, RootedAttribute } from './attribute.ts';
import { type Frame, isError, type LoopFrame, type Step } from './frame.ts';
import { planCall } from './plan-call.ts';
import { planList, planMap, planStruct } from './plan-literal.ts';
import { type LoopScope, planLoop } from './plan-loop.ts';

/** What a call cost, beyond its arguments; undefined: as cel-go counts by itself. */
export type CallCost = (call: {
  readonly name: string;
  readonly overload: string;
  readonly args: readonly Result[];
  readonly result: Result;
}) => number | undefined;

export interface PlanContext {
  readonly functions: ReadonlyMap<string, FunctionDeclaration>;
  readonly types: TypeProvider;
  readonly callCost: CallCost;
  /** Overloads whose cost can be told from their result alone. */
  readonly costOfResult: ReadonlySet<string>;
}

/** A step, and what it is known to be: a constant, or an attribute that keys can be added to. */
export interface Planned {
  readonly step: Step;
  readonly constant?: { readonly value: Value };
  readonly attribute?: Attribute;
}

/** A checked expression that cannot be run: a constant in it makes no sense. */
export class PlanError extends Error {}

/** Makes a program of a checked expression. @throws PlanError */
export function plan(expr: Expr, context: PlanContext): Step {
  return new Planner(context, undefined).plan(expr).step;
}

export class Planner {
  readonly context: PlanContext;
  readonly scope: LoopScope | undefined;

  constructor(context: PlanContext, scope: LoopScope | undefined) {
    this.context = context;
    this.scope = scope;
  }

  inside(scope: LoopScope): Planner {
    return new Planner(this.context, scope);
  }

  plan(expr: Expr): Planned {
    switch (expr.kind) {
      case 'literal':
        return constant(expr.value);
      case 'ident':
        return this.#ident(expr);
      case 'select':
        return this.#select(expr);
      case 'call':
        return planCall(this, expr as Call);
      case 'list':
        return planList(this, expr);
      case 'map':
        return planMap(this, expr);
      case 'struct':
        return planStruct(this, expr);
      default:
        return { step: planLoop(this, expr as Comprehension) };
    }
  }

  #ident({ name, reference }: Ident): Planned {
    const message = protobufMessages.get(name);
    if (message && !message.isNamed) throw new PlanError(`reference to undefined type: ${name}`);
    if (reference?.value !== undefined) return constant(reference.value);
    return watched(new RootedAttribute(variable(name, this.scope)));
  }

  #select({ operand, field, testOnly }: Select): Planned {
    const { attribute } = this.attributeOf(this.plan(operand));
    attribute.add({ key: field, optional: false, testOnly });
    return testOnly ? tested(attribute) : watched(attribute);
  }

  /** The attribute that a step is, or one on what it gives. */
  attributeOf({ attribute, step }: Planned): { readonly attribute: Attribute } {
    return { attribute: attribute ?? new RootedAttribute(step) };
  }

  /** `a[b]`, `a[?b]`, `a.?b` */
  index(operand: Planned, index: Planned, optional: boolean): Planned {
    const { attribute } = this.attributeOf(operand);
    const key = index.constant?.value;
    if (key !== undefined) attribute.add({ key, optional, testOnly: false });
    else {
      // An attribute as a key is resolved unobserved; anything else is a step of its own.
      const { attribute: inner } = index;
      const step = inner ? (frame: Frame) => inner.resolve(frame) : index.step;
      attribute.add({ key: undefined, step, optional, testOnly: false });
    }
    return watched(attribute);
  }

  conditional(condition: Planned, yes: Planned, no: Planned): Planned {
    const branch = (planned: Planned) => this.attributeOf(planned).attribute;
    return watched(new ConditionalAttribute(condition.step, branch(yes), branch(no)));
  }
}

export function constant(value: Value): Planned {
  return { step: () => value, constant: { value } };
}

function watched(attribute: Attribute): Planned {
  if (attribute.conditional) return { attribute, step: (frame) => attribute.resolve(frame) };
  const step: Step = (frame) => {
    const result = attribute.resolve(frame);
    frame.run.meter.add(1);
    return result;
  };
  return { attribute, step };
}

/** `has()` costs nothing by itself, and of an optional it says whether there is a value. */
function tested(attribute: Attribute): Planned {
  return {
    attribute,
    step: (frame) => {
      const result = attribute.resolve(frame);
      return typeof result === 'object' && result !== null && 'present' in result ? result.present : result;
    },
  };
}

/** Of a loop around, by how far out it is; else of the evaluation. */
function variable(name: string, scope: LoopScope | undefined): Step {
  let depth = 0;
  for (let loop = scope; loop; loop = loop.outer, depth++) {
    const read = loop.read(name);
    if (!read) continue;
    const up = depth;
    return (frame) => {
      let at = frame as LoopFrame;
      for (let i = 0; i < up; i++) at = at.outer as LoopFrame;
      return read(at);
    };
  }
  return (frame) => {
    const value = frame.run.variables(name);
    return value === undefined ? new CelError(`no such attribute(s): ${name}`) : value;
  };
}

export { isError };
