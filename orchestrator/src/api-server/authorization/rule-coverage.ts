import { withoutEnd } from '@berth/kit';
import type { PolicyRule } from '@berth/kube';

/** What of `wanted` is in none of `held`, in single permissions: empty where all is covered (rbac/validation Covers). */
export function missingRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(singles).filter((single) => !held.some((rule) => covers(rule, single)));
}

/** Each verb on each resource, name or path by itself. */
function singles(rule: PolicyRule): PolicyRule[] {
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const found: PolicyRule[] = [];
  for (const group of apiGroups)
    for (const resource of resources)
      for (const verb of verbs) {
        const single = { apiGroups: [group], resources: [resource], verbs: [verb] };
        if (resourceNames.length === 0) found.push(single);
        for (const name of resourceNames) found.push({ ...single, resourceNames: [name] });
      }
  for (const url of nonResourceURLs) for (const verb of verbs) found.push({ nonResourceURLs: [url], verbs: [verb] });
  return found;
}

function covers(held: PolicyRule, single: PolicyRule): boolean {
  return (
    hasAll(held.verbs, single.verbs) &&
    hasAll(held.apiGroups, single.apiGroups) &&
    (single.resources ?? []).every((resource) => coversResource(held.resources ?? [], resource)) &&
    namesCovered(held.resourceNames ?? [], single.resourceNames ?? []) &&
    (single.nonResourceURLs ?? []).every((url) => coversUrl(held.nonResourceURLs ?? [], url))
  );
}

function hasAll(held: readonly string[] = [], wanted: readonly string[] = []): boolean {
  return held.includes('*') || wanted.every((one) => held.includes(one));
}

function coversResource(held: readonly string[], resource: string): boolean {
  const [, subresource] = resource.split('/');
  return (
    held.includes('*') || held.includes(resource) || (subresource !== undefined && held.includes(`*/${subresource}`))
  );
}

/** No name is any name. */
function namesCovered(held: readonly string[], wanted: readonly string[]): boolean {
  if (held.length === 0) return true;
  return wanted.length > 0 && wanted.every((name) => held.includes(name));
}

function coversUrl(held: readonly string[], url: string): boolean {
  return held.some((one) => one === '*' || one === url || (one.endsWith('*') && url.startsWith(withoutEnd(one, '*'))));
}

/** Rules that differ in nothing but their verbs as one (rbac/validation CompactRules). */
export function compactRules(rules: readonly PolicyRule[]): PolicyRule[] {
  const found = new Map<string, PolicyRule>();
  const others: PolicyRule[] = [];
  for (const rule of rules) {
    const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
    const simple = apiGroups.length === 1 && resources.length === 1 && resourceNames.length < 2;
    if (!simple || nonResourceURLs.length > 0) {
      others.push(rule);
      continue;
    }
    const key = JSON.stringify([apiGroups, resources, resourceNames]);
    const known = found.get(key);
    found.set(key, known ? { ...known, verbs: [...known.verbs, ...rule.verbs] } : rule);
  }
  return [...found.values(), ...others];
}

/** A rule as messages have it: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`. */
export function ruleText(rule: PolicyRule): string {
  const { apiGroups, resources, nonResourceURLs, resourceNames, verbs } = rule;
  const parts = [
    ['APIGroups', apiGroups],
    ['Resources', resources],
    ['NonResourceURLs', nonResourceURLs],
    ['ResourceNames', resourceNames],
    ['Verbs', verbs],
  ] as const;
  const texts = parts.flatMap(([name, values]) => (values?.length ? [`${name}:${quoted(values)}`] : []));
  return `{${texts.join(', ')}}`;
}

/** A list of strings as Go's %q prints it. */
export function quoted(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
}
