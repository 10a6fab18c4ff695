import { apiError, type PolicyRule } from '@berth/kube';
import type { User } from '../user.ts';
import type { Authorization } from './authorization.ts';
import { aggregate } from './rbac-authorizer.ts';

interface RulesStatus {
  readonly resourceRules: readonly object[];
  readonly nonResourceRules: readonly object[];
  readonly incomplete: boolean;
  readonly evaluationError?: string;
}

/** What a user may do in a namespace: `kubectl auth can-i --list`. @throws ApiError BadRequest – no namespace is named. */
export async function rulesReview(
  { authorizer, policy }: Authorization,
  user: User,
  namespace: string,
): Promise<RulesStatus> {
  if (namespace === '') throw apiError('BadRequest', 'no namespace on request');
  const wish = { user, verb: '*', group: '*', resource: '*', namespace: '', subresource: '', name: '', path: '' };
  const { allowed } = await authorizer.authorize(wish);
  if (allowed && (!policy || user.groups.includes('system:masters'))) {
    return {
      resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
      nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
      incomplete: false,
    };
  }
  const { rules, errors } = policy?.rulesFor(user, namespace) ?? { rules: [], errors: [] };
  return {
    resourceRules: rules.filter(({ resources }) => resources?.length).map(resourceRule),
    nonResourceRules: rules
      .filter(({ nonResourceURLs }) => nonResourceURLs?.length)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: errors.length > 0,
    ...(errors.length > 0 ? { evaluationError: aggregate(errors) } : {}),
  };
}

function resourceRule({ verbs, apiGroups, resources, resourceNames }: PolicyRule): object {
  return { verbs, apiGroups, resources, ...(resourceNames?.length ? { resourceNames } : {}) };
}
