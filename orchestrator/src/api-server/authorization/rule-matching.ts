import { withoutEnd } from '@berth/kit';
import type { PolicyRule } from '@berth/kube';
import { type Attributes, isOfPath } from '../authorizer.ts';

/** Whether a rule lets this be done (rbac/v1 evaluation helpers and RuleAllows). */
export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  const { verb, group, resource, subresource, name, path } = attributes;
  if (!holds(rule.verbs, verb)) return false;
  if (isOfPath(attributes)) return (rule.nonResourceURLs ?? []).some((url) => urlMatches(url, path));
  return (
    holds(rule.apiGroups, group) &&
    resourceMatches(rule.resources, resource, subresource) &&
    (!rule.resourceNames?.length || rule.resourceNames.includes(name))
  );
}

function holds(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes(value) || list.includes('*'));
}

function resourceMatches(list: readonly string[] | undefined, resource: string, subresource: string): boolean {
  if (subresource === '') return holds(list, resource);
  return holds(list, `${resource}/${subresource}`) || holds(list, `*/${subresource}`);
}

/** A star at the end stands for anything. */
function urlMatches(url: string, path: string): boolean {
  return url === '*' || url === path || (url.endsWith('*') && path.startsWith(withoutEnd(url, '*')));
}
