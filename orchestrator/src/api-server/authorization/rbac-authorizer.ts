import type { RbacV1Subject } from '@berth/kube';
import { aggregate } from '../aggregate.ts';
import { type Attributes, type Authorizer, type Decision, isOfPath, type KnownRules } from '../authorizer.ts';
import type { User } from '../user.ts';
import { type Grant, missingRole, type RbacPolicy } from './rbac-policy.ts';
import { ruleAllows } from './rule-matching.ts';

/** Allows what a role that is bound to the user allows (plugin/pkg/auth/authorizer/rbac). */
export class RbacAuthorizer implements Authorizer {
  readonly #policy: RbacPolicy;

  constructor(policy: RbacPolicy) {
    this.#policy = policy;
  }

  async authorize(attributes: Attributes): Promise<Decision> {
    const errors: string[] = [];
    // A path is no namespace's.
    const namespace = isOfPath(attributes) ? '' : attributes.namespace;
    for (const grant of this.#policy.grants(attributes.user, namespace)) {
      const rules = this.#policy.rulesOf(grant.binding.roleRef, grant.binding.namespace);
      if (!rules) errors.push(missingRole(grant.binding.roleRef));
      else if (rules.some((rule) => ruleAllows(rule, attributes)))
        return { allowed: true, reason: `RBAC: allowed by ${grantText(grant)}` };
    }
    return { allowed: false, reason: errors.length === 0 ? '' : `RBAC: ${aggregate(errors)}` };
  }

  /** A role that is missing is told, and no reason to think there were more. */
  rulesFor(user: User, namespace: string): KnownRules {
    return { ...this.#policy.rulesFor(user, namespace), incomplete: false };
  }
}

/** By subject, which is a binding's own: told with each request that it allows. */
const texts = new WeakMap<RbacV1Subject, string>();

function grantText(grant: Grant): string {
  const known = texts.get(grant.subject);
  if (known !== undefined) return known;
  const text = grantTextOf(grant);
  texts.set(grant.subject, text);
  return text;
}

function grantTextOf({ binding, subject }: Grant): string {
  const { namespace, name, roleRef } = binding;
  const [kind, full] = namespace === '' ? ['ClusterRoleBinding', name] : ['RoleBinding', `${name}/${namespace}`];
  const role = `${roleRef.kind} ${JSON.stringify(roleRef.name)}`;
  return `${kind} ${JSON.stringify(full)} of ${role} to ${subjectText(subject, namespace)}`;
}

function subjectText({ kind, name, namespace }: RbacV1Subject, bound: string): string {
  return `${kind} ${JSON.stringify(kind === 'ServiceAccount' ? `${name}/${namespace || bound}` : name)}`;
}
