import type { PolicyRule } from '@berth/kube';
import { aggregate } from '../aggregate.ts';
import type { User } from '../user.ts';
import type { Authorization } from './authorization.ts';

interface RulesStatus {
  readonly resourceRules: readonly object[];
  readonly nonResourceRules: readonly object[];
  readonly incomplete: boolean;
  readonly evaluationError?: string;
}

/** What a user may do in a namespace: `kubectl auth can-i --list`. */
export function rulesReview({ authorizer }: Authorization, user: User, namespace: string): RulesStatus {
  const { rules, errors, incomplete } = authorizer.rulesFor(user, namespace);
  return {
    resourceRules: rules.filter(({ resources }) => resources?.length).map(resourceRule),
    nonResourceRules: rules
      .filter(({ nonResourceURLs }) => nonResourceURLs?.length)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete,
    ...(errors.length > 0 ? { evaluationError: aggregate(errors) } : {}),
  };
}

function resourceRule({ verbs, apiGroups, resources, resourceNames }: PolicyRule): object {
  return { verbs, apiGroups, resources, ...(resourceNames?.length ? { resourceNames } : {}) };
}
