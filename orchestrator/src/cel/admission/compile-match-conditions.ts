import { each, inTurns, type Steps } from '../../api-server/decoding/in-steps.ts';
import { boolType } from '../language/cel-type.ts';
import type { Decide } from '../library/authorization.ts';
import type { SentInput } from '../offload/evaluation-task.ts';
import { evaluateAside, patience } from '../offload/evaluation-thread.ts';
import { withDecisions } from './decisions.ts';
import { type Expression, ExpressionCompiler } from './expression-compiler.ts';
import { ExpressionRun, OutOfBudget } from './expression-run.ts';
import type { MatchCondition, MatchConditions, MatchVerdict } from './match-conditions.ts';

/** celconfig.RuntimeCELCostBudgetMatchConditions */
const budget = 2_500_000;
const none: ReadonlyMap<string, Expression> = new Map();

export interface NamedExpression {
  readonly name: string;
  readonly expression: Expression;
}

/** The match conditions of a webhook. */
export async function compileMatchConditions(conditions: readonly MatchCondition[]): Promise<MatchConditions> {
  const compiled = await inTurns(CompiledConditions.compiling(conditions));
  return {
    match: ({ authorizer, ...input }, failurePolicy) =>
      withDecisions<MatchVerdict>(authorizer, {
        here: (decide) => compiled.run(input, { failurePolicy, decide, patience }),
        aside: async (known) => {
          const reply = await evaluateAside({ type: 'conditions', conditions, failurePolicy, input, known }).catch(
            (error: Error) => ({ type: 'failed' as const, message: error.message }),
          );
          if (reply.type === 'undecided') return { undecided: reply.attributes };
          if (reply.type === 'conditions') return reply.verdict;
          const message = reply.type === 'failed' ? reply.message : 'operation cancelled';
          return failurePolicy === 'Ignore' ? { type: 'no match' } : { type: 'error', message };
        },
      }),
  };
}

/** As `variables` know them in what comes behind. */
export function* compilingVariables(
  compiler: ExpressionCompiler,
  variables: readonly { readonly name?: string; readonly expression?: string }[],
): Steps<ReadonlyMap<string, Expression>> {
  const compiled = new Map<string, Expression>();
  for (const { name = '', expression = '' } of variables)
    compiled.set(name, yield* compiler.compilingVariable(name, expression));
  return compiled;
}

export function compilingConditions(
  compiler: ExpressionCompiler,
  conditions: readonly MatchCondition[],
): Steps<NamedExpression[]> {
  return each(conditions, function* ({ name, expression }) {
    return { name, expression: yield* compiler.compiling(expression, [boolType]) };
  });
}

/** Conditions that were read. */
export class CompiledConditions {
  readonly #conditions: readonly NamedExpression[];

  private constructor(conditions: readonly NamedExpression[]) {
    this.#conditions = conditions;
  }

  static *compiling(conditions: readonly MatchCondition[]): Steps<CompiledConditions> {
    const compiler = new ExpressionCompiler({ hasParams: false, hasVariables: false });
    return new CompiledConditions(yield* compilingConditions(compiler, conditions));
  }

  run(input: SentInput, options: Omit<ConditionOptions, 'variables'>): MatchVerdict {
    return matchConditions(this.#conditions, input, { ...options, variables: none });
  }
}

export interface ConditionOptions {
  readonly failurePolicy: string;
  readonly decide: Decide;
  readonly variables: ReadonlyMap<string, Expression>;
  readonly patience: number;
}

/** A condition that is false decides; else one that fails is the policy's matter (webhook/matchconditions). */
export function matchConditions(
  conditions: readonly NamedExpression[],
  input: SentInput,
  { failurePolicy, ...options }: ConditionOptions,
): MatchVerdict {
  const errors: string[] = [];
  const run = new ExpressionRun(input, { budget, ...options });
  try {
    const outcomes = conditions.map(({ name, expression }) => ({ name, outcome: run.evaluate(expression) }));
    for (const { name, outcome } of outcomes) {
      if ('error' in outcome) errors.push(outcome.error);
      else if (outcome.value === false) return { type: 'no match', condition: name };
    }
  } catch (error) {
    if (!(error instanceof OutOfBudget)) throw error;
    errors.push(error.message);
  }
  if (errors.length === 0) return { type: 'match' };
  if (failurePolicy === 'Ignore') return { type: 'no match' };
  const distinct = [...new Set(errors)];
  return { type: 'error', message: distinct.length === 1 ? (distinct[0] as string) : `[${distinct.join(', ')}]` };
}
