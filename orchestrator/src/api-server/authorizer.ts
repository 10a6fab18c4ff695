import type { FieldRequirement, PolicyRule } from '@berth/kube';
import type { User } from './user.ts';

/** What someone wants to do: a verb on a resource, or on a path that is none. */
export interface Attributes {
  readonly user: User;
  readonly verb: string;
  readonly namespace: string;
  readonly group: string;
  /** Plural; empty for paths that are no resource, and for those that leave it out (`/apis/GROUP/VERSION//NAME`). */
  readonly resource: string;
  /** Tells these apart; absent: whether a resource is named. */
  readonly isResource?: boolean;
  readonly subresource: string;
  readonly name: string;
  readonly path: string;
  /** Of the API; absent where it is not known. */
  readonly version?: string;
  /** What a list, watch or deletecollection is limited to. */
  readonly fieldSelector?: readonly FieldRequirement[];
  /** The same by labels, as it was sent: hardly anyone looks at it. */
  readonly labelSelector?: string;
}

/** What is asked of a path that is no resource. */
export function pathAttributes(user: User, verb: string, path: string): Attributes {
  return { user, verb, namespace: '', group: '', resource: '', subresource: '', name: '', path };
}

/** Whether this is about a path that is no resource: what lets people discover what is served lets nobody read a resource without a name. */
export function isOfPath({ resource, isResource = resource !== '' }: Attributes): boolean {
  return !isResource;
}

export interface Decision {
  readonly allowed: boolean;
  /** Nobody else is asked. Absent: others may still allow it. */
  readonly denied?: boolean;
  readonly reason: string;
  /** Why it could not be told; where nobody else allows it, the request fails with this. */
  readonly error?: string;
}

/** What someone may do in a namespace, as far as it can be listed (`kubectl auth can-i --list`). */
export interface KnownRules {
  readonly rules: readonly PolicyRule[];
  /** Why there may be more than `rules`, or less. */
  readonly errors: readonly string[];
  readonly incomplete: boolean;
}

/** Says who may do what. */
export interface Authorizer {
  authorize(attributes: Attributes): Promise<Decision>;
  rulesFor(user: User, namespace: string): KnownRules;
}

export const noRules: KnownRules = { rules: [], errors: [], incomplete: false };

export const allRules: KnownRules = {
  ...noRules,
  rules: [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
    { verbs: ['*'], nonResourceURLs: ['*'] },
  ],
};

/** Of those whose permissions cannot be listed; words are upstream's. */
export function unlistedRules(authorizer: 'webhook' | 'node'): KnownRules {
  return { rules: [], errors: [`${authorizer} authorizer does not support user rule resolution`], incomplete: true };
}

/**
 * Without authorization modes: whoever holds a client certificate of this cluster may do everything. Service accounts, whose
 * tokens every pod carries, may look at what is served and ask about themselves, as upstream lets everyone by default;
 * anyone else only at the version and the health.
 */
export const authenticatedOnly: Authorizer = {
  authorize: async (attributes) => {
    const { groups } = attributes.user;
    if (groups.includes('system:masters')) return { allowed: true, reason: '' };
    if (!groups.includes('system:authenticated')) return { allowed: false, reason: '' };
    return { allowed: !groups.includes('system:serviceaccounts') || isBasic(attributes), reason: '' };
  },
  rulesFor: ({ groups }) =>
    groups.includes('system:authenticated') && !groups.includes('system:serviceaccounts') ? allRules : noRules,
};

/** What upstream's roles system:discovery and system:basic-user hold. */
function isBasic(attributes: Attributes): boolean {
  const { verb, group, resource, path } = attributes;
  if (!isOfPath(attributes)) return verb === 'create' && selfReviews.has(`${group}/${resource}`);
  return (verb === 'get' || verb === 'head') && /^\/(api|apis|openapi|version|healthz|livez|readyz)(\/|$)/.test(path);
}

const selfReviews = new Set([
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
  'authentication.k8s.io/selfsubjectreviews',
]);
