import type { Authorizer } from '../../api-server/authorizer.ts';
import type { User } from '../../api-server/user.ts';

/** One entry of `matchConditions`. */
export interface MatchCondition {
  readonly name: string;
  readonly expression: string;
}

/** What expressions of admission see. */
export interface ExpressionInput {
  /** AdmissionReview's request as JSON, without `object` and `oldObject`. */
  readonly request: object;
  /** In the version the rule asked for; null at a deletion. */
  readonly object: object | null;
  /** Null at a creation. */
  readonly oldObject: object | null;
  readonly user: User;
  /** Behind the variable `authorizer`. */
  readonly authorizer: Authorizer;
  /** The namespace of the object; absent or null for cluster-scoped ones. */
  readonly namespaceObject?: object | null;
  /** Of a policy's binding. */
  readonly params?: object | null;
}

export type MatchVerdict =
  | { readonly type: 'match' }
  /** `condition`: the name of the one that was false; absent where failures are ignored. */
  | { readonly type: 'no match'; readonly condition?: string }
  /** No condition was false and one could not be evaluated, with failurePolicy Fail; in upstream's words. */
  | { readonly type: 'error'; readonly message: string };

/** Compiled conditions of one webhook or policy. */
export interface MatchConditions {
  match(input: ExpressionInput, failurePolicy: 'Fail' | 'Ignore'): Promise<MatchVerdict>;
}
