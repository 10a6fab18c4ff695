import type {
  FlowSchemaSpec,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '@berth/kube';
import type { RequestInfo } from '../request-info.ts';
import type { User } from '../user.ts';

const accountPrefix = 'system:serviceaccount:';

/** Whether a request is of a schema's flows (apiserver util/flowcontrol rule.go). */
export function schemaMatches(spec: FlowSchemaSpec, info: RequestInfo, user: User): boolean {
  return rulesMatch(rulesAbout(spec, user), info);
}

/** The rules of a schema that are about a user, whatever is asked. */
export function rulesAbout({ rules = [] }: FlowSchemaSpec, user: User): readonly PolicyRulesWithSubjects[] {
  return rules.filter(({ subjects = [] }) => subjects.some((subject) => subjectMatches(subject, user)));
}

/** Whether one of the rules is about what is asked. */
export function rulesMatch(rules: readonly PolicyRulesWithSubjects[], info: RequestInfo): boolean {
  return rules.some(({ resourceRules = [], nonResourceRules = [] }) =>
    info.isResource
      ? resourceRules.some((rule) => resourceMatches(rule, info))
      : nonResourceRules.some((rule) => pathMatches(rule, info)),
  );
}

function subjectMatches({ kind, user: named, group, serviceAccount }: Subject, user: User): boolean {
  switch (kind) {
    case 'User':
      return named !== undefined && (named.name === '*' || named.name === user.name);
    case 'Group':
      return group !== undefined && (group.name === '*' || user.groups.includes(group.name));
    case 'ServiceAccount': {
      if (!serviceAccount) return false;
      const { namespace, name } = serviceAccount;
      const account = `${accountPrefix}${namespace}:`;
      return name === '*' ? user.name.startsWith(account) : user.name === `${account}${name}`;
    }
    default:
      return false;
  }
}

function resourceMatches(rule: ResourcePolicyRule, info: RequestInfo): boolean {
  const { verbs = [], resources = [], apiGroups = [], namespaces = [], clusterScope = false } = rule;
  const { resource, subresource, namespace } = info;
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  if (!holds(verbs, info.verb) || !holds(resources, full) || !holds(apiGroups, info.group)) return false;
  return namespace === '' ? clusterScope : holds(namespaces, namespace);
}

function pathMatches({ verbs = [], nonResourceURLs = [] }: NonResourcePolicyRule, { verb, path }: RequestInfo) {
  if (!holds(verbs, verb)) return false;
  return nonResourceURLs.some((url) => {
    if (url === '*' || url === path) return true;
    const prefix = url.replace(/\*$/, '');
    return path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
  });
}

/** A star counts only where it stands alone, as upstream has it. */
function holds(list: readonly string[], value: string): boolean {
  return (list.length === 1 && list[0] === '*') || list.includes(value);
}
