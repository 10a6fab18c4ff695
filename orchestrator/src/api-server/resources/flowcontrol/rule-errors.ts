import type { NonResourcePolicyRule, PolicyRulesWithSubjects, ResourcePolicyRule, Subject } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { forbidden, invalid, notSupported, required } from '../field.ts';
import { dns1123Label, dns1123Subdomain } from '../names.ts';

const subjectFields = { Group: 'group', ServiceAccount: 'serviceAccount', User: 'user' } as const;
const supportedVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];

/** What is wrong with whom, and with what of theirs, a flow schema is about (flowcontrol validation). */
export function ruleErrors(rule: PolicyRulesWithSubjects, field: string): FieldError[] {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rule;
  return [
    ...(subjects.length > 0 ? [] : [required(`${field}.subjects`, 'subjects must contain at least one value')]),
    ...subjects.flatMap((subject, index) => subjectErrors(subject, `${field}.subjects[${index}]`)),
    ...(resourceRules.length + nonResourceRules.length > 0
      ? []
      : [required(field, 'at least one of resourceRules and nonResourceRules has to be non-empty')]),
    ...resourceRules.flatMap((entry, index) => resourceErrors(entry, `${field}.resourceRules[${index}]`)),
    ...nonResourceRules.flatMap((entry, index) => pathRuleErrors(entry, `${field}.nonResourceRules[${index}]`)),
  ];
}

function subjectErrors(subject: Subject, field: string): FieldError[] {
  const { kind } = subject;
  if (!Object.hasOwn(subjectFields, kind)) return [notSupported(`${field}.kind`, kind, Object.keys(subjectFields))];
  const own = subjectFields[kind as keyof typeof subjectFields];
  const others = (['ServiceAccount', 'User', 'Group'] as const).filter((each) => each !== kind);
  return [
    ...nameErrors(subject, own, `${field}.${own}`),
    ...others.flatMap((other) => {
      const name = subjectFields[other];
      return subject[name]
        ? [forbidden(`${field}.${name}`, `${name} is forbidden when subject kind is not '${other}'`)]
        : [];
    }),
  ];
}

function nameErrors(subject: Subject, own: 'group' | 'serviceAccount' | 'user', field: string): FieldError[] {
  const given = subject[own];
  if (!given) return [required(field, `${own} is required when subject kind is '${subject.kind}'`)];
  const { name } = given;
  if (own !== 'serviceAccount') return name ? [] : [required(`${field}.name`)];
  const { namespace } = given as { namespace?: string };
  return [
    ...(name ? [] : [required(`${field}.name`)]),
    ...(name && name !== '*' ? dns1123Subdomain(name).map((text) => invalid(`${field}.name`, name, text)) : []),
    ...(namespace
      ? dns1123Label(namespace).map((text) => invalid(`${field}.namespace`, namespace, text))
      : [required(`${field}.namespace`, 'must specify namespace for service account')]),
  ];
}

function verbErrors(verbs: readonly string[] = [], field: string): FieldError[] {
  if (verbs.length === 0) return [required(field, 'verbs must contain at least one value')];
  if (verbs.includes('*')) return onlyStar(verbs, field, 'verbs');
  return verbs.every((verb) => supportedVerbs.includes(verb)) ? [] : [notSupported(field, verbs, supportedVerbs)];
}

function onlyStar(values: readonly string[], field: string, what: string): FieldError[] {
  if (values.length < 2 || !values.includes('*')) return [];
  return [invalid(field, values, `if '*' is present, must not specify other ${what}`)];
}

function pathRuleErrors({ verbs, nonResourceURLs: urls = [] }: NonResourcePolicyRule, field: string): FieldError[] {
  const path = `${field}.nonResourceURLs`;
  return [
    ...verbErrors(verbs, `${field}.verbs`),
    ...(urls.length > 0 ? [] : [required(path, 'nonResourceURLs must contain at least one value')]),
    ...(urls.includes('*')
      ? onlyStar(urls, path, 'non-resource URLs')
      : urls.flatMap((url, index) => urlErrors(url, `${path}[${index}]`))),
  ];
}

function urlErrors(url: string, field: string): FieldError[] {
  if (url === '/') return [];
  const stars = url.split('*').length - 1;
  const why =
    url === ''
      ? 'must not be empty'
      : !url.startsWith('/')
        ? 'must start with slash'
        : url.includes(' ')
          ? 'must not contain white-space'
          : url.includes('//')
            ? 'must not contain double slash'
            : stars > 1 || (stars === 1 && !url.endsWith('/*'))
              ? 'wildcard can only do suffix matching'
              : undefined;
  return why === undefined ? [] : [invalid(field, url, why)];
}

function resourceErrors(rule: ResourcePolicyRule, field: string): FieldError[] {
  const { verbs, apiGroups = [], resources = [], namespaces = [], clusterScope = false } = rule;
  const path = `${field}.namespaces`;
  return [
    ...verbErrors(verbs, `${field}.verbs`),
    ...(apiGroups.length > 0
      ? onlyStar(apiGroups, `${field}.apiGroups`, 'api groups')
      : [required(`${field}.apiGroups`, 'resource rules must supply at least one api group')]),
    ...(resources.length > 0
      ? onlyStar(resources, `${field}.resources`, 'resources')
      : [required(`${field}.resources`, 'resource rules must supply at least one resource')]),
    ...(namespaces.length === 0 && !clusterScope
      ? [required(path, 'resource rules that are not cluster scoped must supply at least one namespace')]
      : []),
    ...(namespaces.includes('*')
      ? onlyStar(namespaces, path, 'namespaces')
      : namespaces.flatMap((name, index) =>
          dns1123Label(name).map((text) =>
            invalid(`${path}[${index}]`, name, `each member of this list must be '*' or a DNS-1123 label; ${text}`),
          ),
        )),
  ];
}
