import { withoutEnd } from '@berth/kit';
import type { RequestInfo } from '../request-info.ts';
import type { User } from '../user.ts';

export const auditLevels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export const auditStages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;

export type AuditLevel = (typeof auditLevels)[number];
export type AuditStage = (typeof auditStages)[number];

export interface GroupResources {
  readonly group?: string;
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface AuditRule {
  readonly level: AuditLevel;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly GroupResources[];
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly AuditStage[];
  readonly omitManagedFields?: boolean;
}

/** `audit.k8s.io/v1`, Policy. */
export interface AuditPolicy {
  readonly rules: readonly AuditRule[];
  readonly omitStages?: readonly AuditStage[];
  readonly omitManagedFields?: boolean;
}

/** What is written down of a request. */
export interface AuditDecision {
  readonly level: AuditLevel;
  readonly omitStages: ReadonlySet<AuditStage>;
  readonly omitManagedFields: boolean;
}

/** What the first rule says that a request matches; nothing where none does (apiserver audit/policy). */
export function auditDecision(policy: AuditPolicy, info: RequestInfo, user: User | undefined): AuditDecision {
  const rule = policy.rules.find((each) => ruleMatches(each, info, user));
  return {
    level: rule?.level ?? 'None',
    omitStages: new Set([...(policy.omitStages ?? []), ...(rule?.omitStages ?? [])]),
    omitManagedFields: rule?.omitManagedFields ?? policy.omitManagedFields ?? false,
  };
}

function ruleMatches(rule: AuditRule, info: RequestInfo, user: User | undefined): boolean {
  const { users = [], userGroups = [], verbs = [], namespaces = [], resources = [], nonResourceURLs = [] } = rule;
  if (users.length > 0 && !(user && users.includes(user.name))) return false;
  if (userGroups.length > 0 && !user?.groups.some((group) => userGroups.includes(group))) return false;
  if (verbs.length > 0 && !verbs.includes(info.verb)) return false;
  if (namespaces.length > 0 || resources.length > 0) return resourceMatches(namespaces, resources, info);
  if (nonResourceURLs.length > 0)
    return !info.isResource && nonResourceURLs.some((pattern) => pathMatches(pattern, info.path));
  return true;
}

function resourceMatches(
  namespaces: readonly string[],
  resources: readonly GroupResources[],
  info: RequestInfo,
): boolean {
  if (!info.isResource) return false;
  // What is in no namespace has the empty one.
  if (namespaces.length > 0 && !namespaces.includes(info.namespace)) return false;
  if (resources.length === 0) return true;
  const { group: asked, resource, subresource, name } = info;
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  return resources.some(({ group = '', resources: patterns = [], resourceNames = [] }) => {
    if (group !== asked && group !== '*') return false;
    if (patterns.length === 0) return true;
    if (resourceNames.length > 0 && !resourceNames.includes(name)) return false;
    return patterns.some(
      (pattern) =>
        pattern === full ||
        pattern === '*' ||
        (subresource !== '' && pattern === `*/${subresource}`) ||
        pattern === `${resource}/*`,
    );
  });
}

function pathMatches(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(withoutEnd(pattern, '*'));
}
