import type { MutatingAdmissionPolicySpec, ValidatingAdmissionPolicySpec } from '@berth/kube';
import type { Attributes } from '../../api-server/authorizer.ts';
import type { JsonSchema } from '../../api-server/custom-resources/schema/json-schema.ts';
import { atOnce } from '../../api-server/decoding/in-steps.ts';
import { CompiledConditions } from '../admission/compile-match-conditions.ts';
import { CompiledMutations, type Mutation } from '../admission/compile-mutations.ts';
import { CompiledPolicy, type PolicyVerdict } from '../admission/compile-policy.ts';
import { decideBy, type KnownDecisions, Undecided } from '../admission/decisions.ts';
import type { ExpressionInput, MatchCondition, MatchVerdict } from '../admission/match-conditions.ts';
import type { RuleInput, RuleVerdict } from '../crd/crd-rules.ts';
import { ruleTree } from '../crd/rule-node.ts';
import { RuleRun } from '../crd/validate-rules.ts';

/** What expressions see, as far as it can be sent to another thread. */
export type SentInput = Omit<ExpressionInput, 'authorizer'>;

export type EvaluationTask =
  | {
      readonly type: 'rules';
      readonly schema: JsonSchema;
      readonly isRoot: boolean;
      readonly input: Omit<RuleInput, 'warn'>;
    }
  | {
      readonly type: 'policy';
      readonly spec: ValidatingAdmissionPolicySpec;
      readonly input: SentInput;
      readonly known: KnownDecisions;
    }
  /** The policy's conditions, or its n-th mutation. */
  | {
      readonly type: 'mutation';
      readonly spec: MutatingAdmissionPolicySpec;
      readonly index: number | 'match';
      readonly input: SentInput;
      readonly known: KnownDecisions;
    }
  | {
      readonly type: 'conditions';
      readonly conditions: readonly MatchCondition[];
      readonly failurePolicy: 'Fail' | 'Ignore';
      readonly input: SentInput;
      readonly known: KnownDecisions;
    };

export type EvaluationReply =
  | { readonly type: 'rules'; readonly verdict: RuleVerdict; readonly warnings: readonly string[] }
  | { readonly type: 'policy'; readonly verdict: PolicyVerdict }
  | { readonly type: 'conditions'; readonly verdict: MatchVerdict }
  | { readonly type: 'mutation'; readonly mutation: Mutation }
  /** Someone must be asked first. */
  | { readonly type: 'undecided'; readonly attributes: Attributes };

const forEver = Number.POSITIVE_INFINITY;

/** Evaluates everything anew, however long it takes. */
export function doTask(task: EvaluationTask): EvaluationReply {
  try {
    switch (task.type) {
      case 'rules':
        return doRules(task);
      case 'policy': {
        const policy = atOnce(CompiledPolicy.compiling(task.spec));
        return { type: 'policy', verdict: policy.run(task.input, decideBy(task.known), forEver) };
      }
      case 'mutation': {
        const { index, input, known } = task;
        const mutations = atOnce(CompiledMutations.compiling(task.spec));
        const decide = decideBy(known);
        if (index === 'match') return { type: 'conditions', verdict: mutations.match(input, decide, forEver) };
        return { type: 'mutation', mutation: mutations.mutation(index, input, { decide, patience: forEver }) };
      }
      case 'conditions': {
        const conditions = atOnce(CompiledConditions.compiling(task.conditions));
        const verdict = conditions.run(task.input, { ...task, decide: decideBy(task.known), patience: forEver });
        return { type: 'conditions', verdict };
      }
    }
  } catch (error) {
    if (error instanceof Undecided) return { type: 'undecided', attributes: error.attributes };
    throw error;
  }
}

function doRules({ schema, isRoot, input }: EvaluationTask & { readonly type: 'rules' }): EvaluationReply {
  const warnings: string[] = [];
  const tree = atOnce(ruleTree(schema, isRoot));
  const told = { ...input, warn: (text: string) => void warnings.push(text) };
  const verdict = tree ? new RuleRun(told, forEver).run(tree, told) : { errors: [], budget: input.budget ?? 0 };
  return { type: 'rules', verdict, warnings };
}
