import type { PolicyRule, RoleRef } from '@berth/kube';
import type { AdmissionPlugin, AdmissionRequest } from '../admission/admission.ts';
import { aggregate } from '../aggregate.ts';
import type { Authorizer } from '../authorizer.ts';
import type { AnyObject } from '../resource-definition.ts';
import { forbidden, notFound } from '../resource-errors.ts';
import { semanticEqual } from '../resources/equality.ts';
import type { User } from '../user.ts';
import type { RbacPolicy } from './rbac-policy.ts';
import { compactRules, missingRules, quoted, ruleText } from './rule-coverage.ts';

const group = 'rbac.authorization.k8s.io';
const everything: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

export interface EscalationParts {
  readonly policy: RbacPolicy;
  readonly authorizer: Authorizer;
}

/** Nobody gives what they have not: roles hold and bindings grant only what their writer may do (registry/rbac policybased). */
export function preventEscalation(parts: EscalationParts): AdmissionPlugin {
  return (request) => {
    const { definition, operation, user } = request;
    if (definition.group !== group || operation === 'delete' || user.groups.includes('system:masters')) return;
    if (changesOnlyOwnership(request)) return;
    if (definition.plural === 'roles' || definition.plural === 'clusterroles') return checkRole(parts, request);
    return checkBinding(parts, request);
  };
}

/**
 * The garbage collector need not hold what it deletes (registry/rbac IsOnlyMutatingGCFields). All else counts: by a label alone
 * an aggregated role takes another's rules.
 */
function changesOnlyOwnership({ object, old }: AdmissionRequest): boolean {
  return old !== undefined && semanticEqual(withoutOwnership(object), withoutOwnership(old));
}

function withoutOwnership({ metadata, ...rest }: AnyObject): object {
  const { ownerReferences: _, finalizers: __, managedFields: ___, ...kept } = metadata;
  return { ...rest, metadata: kept };
}

async function checkRole({ policy, authorizer }: EscalationParts, request: AdmissionRequest): Promise<void> {
  const { definition, object, old, user, namespace, name, verb } = request;
  // The path of a POST names no role: who may escalate one by name cannot create it so (RoleEscalationAuthorized).
  const named = verb === 'create' ? '' : name;
  if (await mayVerb({ authorizer, user, verb: 'escalate' }, definition.plural, namespace, named)) return;
  const rules = (object['rules'] ?? []) as PolicyRule[];
  const missing = lacking(policy, { user, namespace, rules });
  if (missing !== undefined) throw forbidden(definition, name, missing);
  if (!aggregates(object) && !(old && aggregates(old))) return;
  if (lacking(policy, { user, namespace: '', rules: everything }) !== undefined)
    throw forbidden(definition, name, 'must have cluster-admin privileges to use the aggregationRule');
}

function aggregates(object: AnyObject): boolean {
  return object['aggregationRule'] !== undefined && object['aggregationRule'] !== null;
}

async function checkBinding({ policy, authorizer }: EscalationParts, request: AdmissionRequest): Promise<void> {
  const { definition, object, user, namespace, name } = request;
  const roleRef = object['roleRef'] as RoleRef | undefined;
  // What is no reference is for validation to refuse.
  if (!roleRef?.name || !['Role', 'ClusterRole'].includes(roleRef.kind)) return;
  const plural = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles';
  if (await mayVerb({ authorizer, user, verb: 'bind' }, plural, namespace, roleRef.name)) return;
  const rules = policy.rulesOf(roleRef, namespace);
  // The name is the role's, the resource the binding's: so upstream has it.
  if (!rules) throw notFound(definition, roleRef.name);
  const missing = lacking(policy, { user, namespace, rules });
  if (missing !== undefined) throw forbidden(definition, name, missing);
}

async function mayVerb(
  { authorizer, user, verb }: { readonly authorizer: Authorizer; readonly user: User; readonly verb: string },
  resource: string,
  namespace: string,
  name: string,
): Promise<boolean> {
  const attributes = { user, verb, namespace, group, resource, subresource: '', name, path: '' };
  return (await authorizer.authorize(attributes)).allowed;
}

/** What the user would give without having it, in upstream's words; undefined where there is nothing. */
function lacking(
  policy: RbacPolicy,
  grant: { readonly user: User; readonly namespace: string; readonly rules: readonly PolicyRule[] },
): string | undefined {
  const { user, namespace, rules } = grant;
  const held = policy.rulesFor(user, namespace);
  const missing = missingRules(held.rules, rules);
  if (missing.length === 0) return undefined;
  const texts = [...new Set(compactRules(missing).map(ruleText))].sort();
  const whom = `user ${JSON.stringify(user.name)} (groups=${quoted(user.groups)})`;
  const errors = held.errors.length === 0 ? '' : `; resolution errors: [${aggregate(held.errors)}]`;
  return `${whom} is attempting to grant RBAC permissions not currently held:\n${texts.join('\n')}${errors}`;
}
