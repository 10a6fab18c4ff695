import { type Evaluation, type Program, perCallLimit } from '../environment.ts';
import { CostExceeded, CostMeter } from '../evaluation/cost-meter.ts';
import type { Activation } from '../evaluation/frame.ts';
import { authorizerOf, type Decide, requestResource } from '../library/authorization.ts';
import type { SentInput } from '../offload/evaluation-task.ts';
import { CelError } from '../values/cel-error.ts';
import type { CelMap } from '../values/cel-map.ts';
import { jsonValue } from '../values/json-value.ts';
import type { Result, Value } from '../values/value.ts';
import type { Expression } from './expression-compiler.ts';

/** An expression's value, or why it has none, in upstream's words. */
export type Outcome = { readonly value: Value } | { readonly error: string };

/** The budget of all expressions that are evaluated together is spent; none of their results counts. */
export class OutOfBudget extends Error {
  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run');
  }
}

export interface RunOptions {
  readonly budget: number;
  readonly decide: Decide;
  readonly variables: ReadonlyMap<string, Expression>;
  /** What may be spent before it is broken off as too long to wait for. */
  readonly patience: number;
}

/** Evaluations on one input with one budget (admission/plugin/cel/activation.go); variables are evaluated once. */
export class ExpressionRun {
  readonly #activation: Activation;
  #budget: number;
  #patience: number;
  #variableCost = 0;

  constructor(input: SentInput, { budget, decide, variables, patience }: RunOptions) {
    this.#patience = patience;
    this.#budget = budget;
    const values = new Map<string, Value>();
    const makers = makersOf(
      input,
      decide,
      new Variables(variables, (name, expression) => this.#variable(name, expression)),
    );
    this.#activation = (name) => {
      const known = values.get(name);
      if (known !== undefined) return known;
      const value = makers[name]?.();
      if (value !== undefined) values.set(name, value);
      return value;
    };
  }

  get budget(): number {
    return this.#budget;
  }

  /** @throws OutOfBudget */
  evaluate({ text, program, error }: Expression): Outcome {
    if (!program) return { error: `compilation error: ${error ?? ''}` };
    const { result, cost } = this.#run(program);
    this.#spend(this.#variableCost);
    this.#variableCost = 0;
    this.#spend(cost);
    return result instanceof CelError
      ? { error: `expression '${text}' resulted in error: ${result.message}` }
      : { value: result };
  }

  get patience(): number {
    return this.#patience;
  }

  #run(program: Program): Evaluation {
    const meter = new CostMeter(perCallLimit, this.#patience);
    try {
      return program.evaluate(this.#activation, meter);
    } catch (error) {
      if (!(error instanceof CostExceeded)) throw error;
      return { result: new CelError(error.message), cost: meter.spent };
    } finally {
      this.#patience -= meter.effort;
    }
  }

  #spend(cost: number): void {
    if (cost > this.#budget) throw new OutOfBudget();
    this.#budget -= cost;
  }

  #variable(name: string, { program, error }: Expression): Result {
    const quoted = JSON.stringify(name);
    if (!program) return new CelError(`composited variable ${quoted} fails to compile: ${error ?? ''}`);
    const { result, cost } = this.#run(program);
    this.#variableCost += cost;
    return result instanceof CelError
      ? new CelError(`composited variable ${quoted} fails to evaluate: ${result.message}`)
      : result;
  }
}

function makersOf(
  input: SentInput,
  decide: Decide,
  variables: CelMap,
): Readonly<Record<string, () => Value | undefined>> {
  const { user, request } = input;
  return {
    object: () => jsonValue(input.object),
    oldObject: () => jsonValue(input.oldObject),
    request: () => jsonValue(request),
    namespaceObject: () => jsonValue(input.namespaceObject ?? null),
    params: () => jsonValue(input.params ?? null),
    variables: () => variables,
    authorizer: () => authorizerOf(user, decide),
    'authorizer.requestResource': () => {
      const { requestResource: about, requestSubResource = '', namespace = '', name = '' } = request as RequestFields;
      const { group, resource } = about;
      return requestResource(user, decide, { group, resource, subresource: requestSubResource, namespace, name });
    },
  };
}

interface RequestFields {
  readonly requestResource: { readonly group: string; readonly resource: string };
  readonly requestSubResource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** `variables`: each is evaluated when it is first asked for. */
class Variables implements CelMap {
  readonly isMap = true;
  readonly #expressions: ReadonlyMap<string, Expression>;
  readonly #evaluate: (name: string, expression: Expression) => Result;
  readonly #known = new Map<string, Result>();

  constructor(
    expressions: ReadonlyMap<string, Expression>,
    evaluate: (name: string, expression: Expression) => Result,
  ) {
    this.#expressions = expressions;
    this.#evaluate = evaluate;
  }

  get size(): number {
    return this.#expressions.size;
  }

  find(key: Value): Result | undefined {
    const expression = typeof key === 'string' ? this.#expressions.get(key) : undefined;
    if (!expression) return undefined;
    let value = this.#known.get(key as string);
    if (value === undefined) {
      value = this.#evaluate(key as string, expression);
      this.#known.set(key as string, value);
    }
    return value;
  }

  keys(): Iterable<Value> {
    return this.#expressions.keys();
  }
}
