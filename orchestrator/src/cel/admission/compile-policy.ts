import type { ValidatingAdmissionPolicySpec } from '@berth/kube';
import { each, type Steps } from '../../api-server/decoding/in-steps.ts';
import { boolType, nullType, stringType } from '../language/cel-type.ts';
import type { Decide } from '../library/authorization.ts';
import type { SentInput } from '../offload/evaluation-task.ts';
import { typeOfValue } from '../values/type-of-value.ts';
import {
  compilingConditions,
  compilingVariables,
  matchConditions,
  type NamedExpression,
} from './compile-match-conditions.ts';
import { type Expression, ExpressionCompiler } from './expression-compiler.ts';
import { ExpressionRun, type Outcome, OutOfBudget } from './expression-run.ts';

/** For a policy's validations on one object (celconfig.RuntimeCELCostBudget). */
const policyBudget = 10_000_000;
const maxMessageBytes = 5 * 1024;

export type PolicyDecision =
  /** `failed`: why it could not be told, which the policy lets pass. */
  | { readonly action: 'admit'; readonly failed?: string }
  | { readonly action: 'deny'; readonly message: string; readonly reason?: string };

export type AuditValue =
  | { readonly type: 'publish'; readonly key: string; readonly value: string }
  | { readonly type: 'error'; readonly message: string };

export interface PolicyVerdict {
  /** In the order of the validations; one alone where the policy as a whole failed. */
  readonly decisions: readonly PolicyDecision[];
  readonly annotations: readonly AuditValue[];
}

interface CompiledValidation {
  readonly expression: Expression;
  readonly messageExpression: Expression | undefined;
  readonly message: string;
  readonly reason: string | undefined;
}

interface PolicyParts {
  readonly failurePolicy: string;
  readonly variables: ReadonlyMap<string, Expression>;
  readonly conditions: readonly NamedExpression[];
  readonly validations: readonly CompiledValidation[];
  readonly annotations: readonly { readonly key: string; readonly text: string; readonly expression: Expression }[];
}

const nothing: PolicyVerdict = { decisions: [], annotations: [] };

/** A ValidatingAdmissionPolicy, ready to run (policy/validating/validator.go). */
export class CompiledPolicy {
  readonly #failurePolicy: string;
  #patience = Number.POSITIVE_INFINITY;
  readonly #variables: ReadonlyMap<string, Expression>;
  readonly #conditions: readonly NamedExpression[];
  readonly #validations: readonly CompiledValidation[];
  readonly #annotations: PolicyParts['annotations'];

  private constructor(parts: PolicyParts) {
    this.#failurePolicy = parts.failurePolicy;
    this.#variables = parts.variables;
    this.#conditions = parts.conditions;
    this.#validations = parts.validations;
    this.#annotations = parts.annotations;
  }

  static *compiling(spec: ValidatingAdmissionPolicySpec): Steps<CompiledPolicy> {
    const { matchConditions = [], validations = [], auditAnnotations = [] } = spec;
    const compiler = new ExpressionCompiler({ hasParams: spec.paramKind !== undefined });
    return new CompiledPolicy({
      failurePolicy: spec.failurePolicy ?? 'Fail',
      variables: yield* compilingVariables(compiler, spec.variables ?? []),
      conditions: yield* compilingConditions(compiler, matchConditions),
      validations: yield* each(validations, function* ({ expression, message = '', messageExpression, reason }) {
        return {
          expression: yield* compiler.compiling(expression, [boolType]),
          messageExpression: messageExpression
            ? yield* compiler.compiling(messageExpression, [stringType], false)
            : undefined,
          message,
          reason,
        };
      }),
      annotations: yield* each(auditAnnotations, function* ({ key, valueExpression }) {
        const expression = yield* compiler.compiling(valueExpression, [stringType, nullType]);
        return { key, text: valueExpression, expression };
      }),
    });
  }

  /** @throws TooLong – more effort than `patience`. */
  run(input: SentInput, decide: Decide, patience: number): PolicyVerdict {
    this.#patience = patience;
    const verdict = matchConditions(this.#conditions, input, {
      failurePolicy: this.#failurePolicy,
      decide,
      variables: this.#variables,
      patience,
    });
    if (verdict.type === 'error') return this.#failed(verdict.message);
    if (verdict.type === 'no match') return nothing;
    try {
      const decisions = this.#decide(input, decide);
      return { decisions, annotations: this.#annotate(input, decide) };
    } catch (error) {
      if (error instanceof OutOfBudget) return this.#failed(error.message);
      throw error;
    }
  }

  #failed(message: string): PolicyVerdict {
    return { decisions: [this.#failure(message)], annotations: [] };
  }

  #failure(message: string): PolicyDecision {
    return this.#failurePolicy === 'Ignore' ? { action: 'admit', failed: message } : { action: 'deny', message };
  }

  #decide(input: SentInput, decide: Decide): PolicyDecision[] {
    const run = new ExpressionRun(input, {
      budget: policyBudget,
      decide,
      variables: this.#variables,
      patience: this.#patience,
    });
    const outcomes = this.#validations.map(({ expression }) => run.evaluate(expression));
    const messages = this.#messages(input, decide, run.budget);
    return this.#validations.map((validation, i) => {
      const outcome = outcomes[i] as Outcome;
      if ('error' in outcome) return this.#failure(outcome.error);
      if (typeof messages === 'string') return this.#failure(`failed messageExpression: ${messages}`);
      if (outcome.value === true) return { action: 'admit' };
      return { action: 'deny', reason: validation.reason ?? 'Invalid', message: messageFor(validation, messages[i]) };
    });
  }

  /** All of them, or why their budget did not do. */
  #messages(input: SentInput, decide: Decide, budget: number): readonly (Outcome | undefined)[] | string {
    const run = new ExpressionRun(input, { budget, decide, variables: this.#variables, patience: this.#patience });
    try {
      return this.#validations.map(({ messageExpression }) => messageExpression && run.evaluate(messageExpression));
    } catch (error) {
      if (error instanceof OutOfBudget) return error.message;
      throw error;
    }
  }

  #annotate(input: SentInput, decide: Decide): AuditValue[] {
    const run = new ExpressionRun(input, {
      budget: policyBudget,
      decide,
      variables: this.#variables,
      patience: this.#patience,
    });
    return this.#annotations.flatMap(({ key, text, expression }): AuditValue[] => {
      const outcome = run.evaluate(expression);
      if ('error' in outcome)
        return this.#failurePolicy === 'Ignore' ? [] : [{ type: 'error', message: outcome.error }];
      const { value } = outcome;
      if (value === null) return [];
      if (typeof value === 'string') return value.trim() === '' ? [] : [{ type: 'publish', key, value: value.trim() }];
      const type = typeOfValue(value).name;
      const message = `valueExpression '${text}' resulted in unsupported return type: ${type}. Return type must be either string or null.`;
      return [{ type: 'error', message }];
    });
  }
}

/** What the expression gave, else the message, else the expression itself. */
function messageFor({ expression, message }: CompiledValidation, outcome: Outcome | undefined): string {
  const given = outcome && 'value' in outcome && typeof outcome.value === 'string' ? outcome.value.trim() : '';
  if (given !== '' && Buffer.byteLength(given) <= maxMessageBytes && !given.includes('\n')) return given;
  return message.trim() === '' ? `failed expression: ${expression.text.trim()}` : message.trim();
}
