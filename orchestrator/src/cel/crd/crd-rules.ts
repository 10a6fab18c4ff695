import type { JsonSchema } from '../../api-server/custom-resources/schema/json-schema.ts';
import type { FieldError } from '../../api-server/resource-definition.ts';

/** What is asked of a custom resource definition's schema when it is written. */
export interface SchemaCheck {
  readonly schema: JsonSchema;
  /** `spec.versions[0].schema.openAPIV3Schema` */
  readonly path: string;
  /** Every schema of the definition as it stood: rules that were there keep what was allowed then. */
  readonly before?: readonly JsonSchema[];
}

/** What the rules of a schema are asked about one object. */
export interface RuleInput {
  readonly value: unknown;
  /** Absent at a creation: transition rules are left out then. */
  readonly old?: unknown;
  /** Of `value`; absent: the root. */
  readonly path?: string;
  /** Cost units left for this object; absent: 10,000,000. */
  readonly budget?: number;
  /** Whether what was broken before may stay so where it did not change; absent: it may. */
  readonly ratchets?: boolean;
  /** Takes what upstream sends as a warning: a rule that was broken before and whose value did not change. */
  readonly warn?: (text: string) => void;
}

export interface RuleVerdict {
  readonly errors: readonly FieldError[];
  /** What is left of the budget; negative: it ran out and nothing more was run. */
  readonly budget: number;
}

/** The compiled `x-kubernetes-validations` of a structural schema and of all schemas below it. */
export interface SchemaRules {
  /** A promise only where it takes long: it is then done beside the event loop. */
  validate(input: RuleInput): RuleVerdict | Promise<RuleVerdict>;
}
