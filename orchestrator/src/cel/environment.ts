import { atOnce, type Steps } from '../api-server/decoding/in-steps.ts';
import { type CostRange, estimateCost, type SizeOf } from './estimate/estimate-cost.ts';
import { CostMeter } from './evaluation/cost-meter.ts';
import type { Activation, Step } from './evaluation/frame.ts';
import { PlanError, plan } from './evaluation/plan.ts';
import type { Expr } from './language/ast.ts';
import type { CelType } from './language/cel-type.ts';
import { dynType } from './language/cel-type.ts';
import { check } from './language/checker.ts';
import { type FunctionDeclaration, functionTable } from './language/declarations.ts';
import { literalIssues } from './language/literal-checks.ts';
import type { Macro } from './language/macro.ts';
import { parse } from './language/parser.ts';
import { displayIssues, type Issue } from './language/source.ts';
import { DeclaredTypes, type ObjectDeclaration } from './language/type-provider.ts';
import { baseFunctions, baseMacros, baseTypes } from './library/base.ts';
import { costOfResult, kubernetesCost } from './library/kubernetes-cost.ts';
import type { Result } from './values/value.ts';

export interface EnvironmentOptions {
  readonly variables: Readonly<Record<string, CelType>>;
  readonly objects?: readonly ObjectDeclaration[];
  /** Beyond the base. */
  readonly functions?: readonly FunctionDeclaration[];
  /** Beyond the base, keyed as {@link parse} says. */
  readonly macros?: Readonly<Record<string, Macro>>;
  /** Objects that are known by their names' form. */
  readonly namedObject?: (name: string) => ObjectDeclaration | undefined;
}

export type Compilation =
  | { readonly type: 'compiled'; readonly program: Program }
  /** In cel-go's words, with the place. */
  | { readonly type: 'invalid'; readonly message: string };

/** Of one step: what comes behind the last of them, plans and prices, takes as long. Before the engine has made the code fast, that is. */
const unitsPerCharacter = 3;

/** Cost of one evaluation (celconfig.PerCallLimit). */
export const perCallLimit = 1_000_000;

/** What expressions of one place can name: Kubernetes' base and that place's variables. */
export class Environment {
  readonly #variables: Map<string, CelType>;
  readonly #functions: ReadonlyMap<string, FunctionDeclaration>;
  readonly #types: DeclaredTypes;
  readonly #macros: ReadonlyMap<string, Macro>;

  constructor({ variables, objects = [], functions = [], macros, namedObject }: EnvironmentOptions) {
    this.#variables = new Map(Object.entries(variables));
    this.#functions = functions.length > 0 ? functionTable([[...baseFunctions.values()], functions]) : baseFunctions;
    this.#types = new DeclaredTypes(objects, baseTypes, namedObject);
    this.#macros = macros ? new Map([...baseMacros, ...Object.entries(macros)]) : baseMacros;
  }

  compile(text: string): Compilation {
    return atOnce(this.compiling(text));
  }

  *compiling(text: string): Steps<Compilation> {
    const units = text.length * unitsPerCharacter;
    yield units;
    const parsed = parse(text, this.#macros);
    if (parsed.type === 'invalid') return this.#invalid(text, parsed.issues);
    const { expr } = parsed;
    yield units;
    const issues = check(expr, { variables: this.#variables, types: this.#types, functions: this.#functions });
    if (issues.length > 0) return this.#invalid(text, issues);
    yield units;
    const literals = literalIssues(expr);
    if (literals.length > 0) return this.#invalid(text, literals);
    return { type: 'compiled', program: new Program(text, expr, { functions: this.#functions, types: this.#types }) };
  }

  #invalid(text: string, issues: readonly Issue[]): Compilation {
    return { type: 'invalid', message: displayIssues(text, issues) };
  }
}

interface ProgramContext {
  readonly functions: ReadonlyMap<string, FunctionDeclaration>;
  readonly types: DeclaredTypes;
}

export interface Evaluation {
  readonly result: Result;
  readonly cost: number;
}

/** A checked expression. */
export class Program {
  readonly text: string;
  readonly expr: Expr;
  readonly outputType: CelType;
  readonly #context: ProgramContext;
  #step: Step | undefined;

  constructor(text: string, expr: Expr, context: ProgramContext) {
    this.text = text;
    this.expr = expr;
    this.outputType = expr.type ?? dynType;
    this.#context = context;
  }

  /** Undefined: it can be run. */
  planError(): string | undefined {
    try {
      this.#plan();
      return undefined;
    } catch (error) {
      if (error instanceof PlanError) return error.message;
      throw error;
    }
  }

  /** What an evaluation costs at least and at most. */
  estimate(sizeOf: SizeOf = () => undefined): CostRange {
    return estimateCost(this.expr, sizeOf);
  }

  /** @throws CostExceeded, TooLong */
  evaluate(variables: Activation, meter: CostMeter = new CostMeter(perCallLimit)): Evaluation {
    const result = this.#plan()({ run: { variables, meter }, outer: undefined });
    return { result, cost: meter.spent };
  }

  #plan(): Step {
    this.#step ??= plan(this.expr, { ...this.#context, callCost: kubernetesCost, costOfResult });
    return this.#step;
  }
}
