import { boolType } from '../language/cel-type.ts';
import type { Decide } from '../library/authorization.ts';
import { withDecisions } from './decisions.ts';
import { type Expression, ExpressionCompiler } from './expression-compiler.ts';
import { ExpressionRun, OutOfBudget } from './expression-run.ts';
import type { ExpressionInput, MatchCondition, MatchConditions, MatchVerdict } from './match-conditions.ts';

/** celconfig.RuntimeCELCostBudgetMatchConditions */
const budget = 2_500_000;
const none: ReadonlyMap<string, Expression> = new Map();

export interface NamedExpression {
  readonly name: string;
  readonly expression: Expression;
}

/** The match conditions of a webhook. */
export function compileMatchConditions(conditions: readonly MatchCondition[]): MatchConditions {
  const compiler = new ExpressionCompiler({ hasParams: false });
  const compiled = conditions.map(({ name, expression }) => ({
    name,
    expression: compiler.compile(expression, [boolType]),
  }));
  return {
    match: (input, failurePolicy) =>
      withDecisions(input.authorizer, (decide) =>
        matchConditions(compiled, input, { failurePolicy, decide, variables: none }),
      ),
  };
}

/** A condition that is false decides; else one that fails is the policy's matter (webhook/matchconditions). */
export function matchConditions(
  conditions: readonly NamedExpression[],
  input: ExpressionInput,
  {
    failurePolicy,
    decide,
    variables,
  }: {
    readonly failurePolicy: string;
    readonly decide: Decide;
    readonly variables: ReadonlyMap<string, Expression>;
  },
): MatchVerdict {
  const errors: string[] = [];
  const run = new ExpressionRun(input, { budget, decide, variables });
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
