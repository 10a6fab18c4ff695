import type { RuleWithOperations } from '@berth/kube';

/** What a rule is compared with. */
export interface RuleSubject {
  readonly operation: string;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly subresource: string;
  readonly namespace: string;
}

/** Whether a request is one a rule is about (apiserver webhook/predicates/rules). */
export function ruleMatches(rule: RuleWithOperations, subject: RuleSubject): boolean {
  return (
    scopeMatches(rule.scope, subject) &&
    includes(rule.operations, subject.operation) &&
    includes(rule.apiGroups, subject.group) &&
    includes(rule.apiVersions, subject.version) &&
    (rule.resources ?? []).some((resource) => resourceMatches(resource, subject))
  );
}

function includes(list: readonly string[] | undefined, value: string): boolean {
  return list?.some((item) => item === '*' || item === value) ?? false;
}

/** A namespace is named by its own name, and is of the cluster all the same. */
function scopeMatches(scope: string | undefined, { group, plural, namespace }: RuleSubject): boolean {
  if (scope === undefined || scope === '*') return true;
  const ofCluster = (group === '' && plural === 'namespaces') || namespace === '';
  return scope === 'Cluster' ? ofCluster : scope === 'Namespaced' && !ofCluster;
}

function resourceMatches(pattern: string, { plural, subresource }: RuleSubject): boolean {
  const slash = pattern.indexOf('/');
  const resource = slash < 0 ? pattern : pattern.slice(0, slash);
  const sub = slash < 0 ? '' : pattern.slice(slash + 1);
  return (resource === '*' || resource === plural) && (sub === '*' || sub === subresource);
}
