import type { ClusterRole, PolicyRule, RoleBinding, RbacV1Subject as Subject } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { semanticEqual } from '../equality.ts';
import { invalid, notSupportedPlain, required } from '../field.ts';
import { validateLabelSelector } from '../label-selector.ts';
import { dns1123Subdomain, pathSegment } from '../names.ts';
import type { KindRules } from '../rules.ts';

const group = 'rbac.authorization.k8s.io';

/** Roles and ClusterRoles: apis/rbac/validation. */
export const roleRules: KindRules = {
  rules: {
    nameRule: 'rbacName',
    validate: (object) => policyErrors(object, true),
  },
};

export const clusterRoleRules: KindRules = {
  rules: {
    nameRule: 'rbacName',
    validate: (object) => {
      const { aggregationRule } = object as ClusterRole;
      const field = 'aggregationRule.clusterRoleSelectors';
      const selectors = aggregationRule?.clusterRoleSelectors ?? [];
      return [
        ...policyErrors(object, false),
        ...(aggregationRule && selectors.length === 0
          ? [required(field, 'at least one clusterRoleSelector required if aggregationRule is non-nil')]
          : []),
        ...selectors.flatMap((selector, index) => {
          const wrong = validateLabelSelector(selector, `${field}[${index}]`);
          return wrong.length > 0 ? [...wrong, invalid(`${field}[${index}]`, null, 'invalid label selector.')] : [];
        }),
      ];
    },
  },
};

function policyErrors(object: AnyObject, namespaced: boolean): FieldError[] {
  return ((object['rules'] ?? []) as PolicyRule[]).flatMap((rule, index) =>
    ruleErrors(rule, namespaced, `rules[${index}]`),
  );
}

function ruleErrors(rule: PolicyRule, namespaced: boolean, field: string): FieldError[] {
  const { verbs, nonResourceURLs: urls = [], apiGroups = [], resources = [], resourceNames = [] } = rule;
  const path = `${field}.nonResourceURLs`;
  const regular = apiGroups.length + resources.length + resourceNames.length > 0;
  const errors = verbs?.length ? [] : [required(`${field}.verbs`, 'verbs must contain at least one value')];
  if (urls.length > 0)
    return [
      ...errors,
      ...(namespaced ? [invalid(path, urls, 'namespaced rules cannot apply to non-resource URLs')] : []),
      ...(regular ? [invalid(path, urls, 'rules cannot apply to both regular resources and non-resource URLs')] : []),
    ];
  return [
    ...errors,
    ...(apiGroups.length > 0
      ? []
      : [required(`${field}.apiGroups`, 'resource rules must supply at least one api group')]),
    ...(resources.length > 0
      ? []
      : [required(`${field}.resources`, 'resource rules must supply at least one resource')]),
  ];
}

/** RoleBindings and ClusterRoleBindings: whom they bind may change, to what not. */
export const roleBindingRules = bindingRules(['Role', 'ClusterRole'], true);
export const clusterRoleBindingRules = bindingRules(['ClusterRole'], false);

function bindingRules(kinds: readonly string[], namespaced: boolean): KindRules {
  return {
    cells: {
      Role: ({ roleRef }) => `${roleRef?.kind}/${roleRef?.name}`,
      Users: ({ subjects }) => names(subjects, 'User'),
      Groups: ({ subjects }) => names(subjects, 'Group'),
      ServiceAccounts: ({ subjects }) => names(subjects, 'ServiceAccount'),
    },
    rules: {
      nameRule: 'rbacName',
      default: (object) => {
        const { roleRef, subjects = [] } = object as RoleBinding;
        if (roleRef) roleRef.apiGroup ||= group;
        for (const subject of subjects) if (subject.kind !== 'ServiceAccount') defaultGroup(subject);
      },
      validate: (object) => bindingErrors(object as RoleBinding, kinds, namespaced),
      validateUpdate: (next, old) => {
        if (semanticEqual(next['roleRef'], old['roleRef'])) return [];
        const { apiGroup, kind, name } = (next as RoleBinding).roleRef;
        return [invalid('roleRef', { APIGroup: apiGroup, Kind: kind, Name: name }, 'cannot change roleRef')];
      },
    },
  };
}

function defaultGroup(subject: Subject): void {
  if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup ||= group;
}

function names(subjects: readonly Subject[] = [], kind: string): string {
  return subjects
    .filter((subject) => subject.kind === kind)
    .map(({ namespace = '', name }) => (kind === 'ServiceAccount' ? `${namespace}/${name}` : name))
    .join(', ');
}

function bindingErrors(
  { roleRef, subjects = [] }: RoleBinding,
  kinds: readonly string[],
  namespaced: boolean,
): FieldError[] {
  return [
    ...(roleRef.apiGroup === group ? [] : [notSupportedPlain('roleRef.apiGroup', roleRef.apiGroup ?? '', [group])]),
    ...(kinds.includes(roleRef.kind) ? [] : [notSupportedPlain('roleRef.kind', roleRef.kind ?? '', kinds)]),
    ...(roleRef.name
      ? pathSegment(roleRef.name).map((text) => invalid('roleRef.name', roleRef.name, text))
      : [required('roleRef.name')]),
    ...subjects.flatMap((subject, index) => subjectErrors(subject, namespaced, `subjects[${index}]`)),
  ];
}

function subjectErrors(subject: Subject, namespaced: boolean, field: string): FieldError[] {
  const { kind = '', name = '', namespace, apiGroup = '' } = subject;
  const unnamed = name === '' ? [required(`${field}.name`)] : [];
  if (kind === 'User' || kind === 'Group')
    return apiGroup === group ? unnamed : [...unnamed, notSupportedPlain(`${field}.apiGroup`, apiGroup, [group])];
  if (kind !== 'ServiceAccount')
    return [...unnamed, notSupportedPlain(`${field}.kind`, kind, ['ServiceAccount', 'User', 'Group'])];
  return [
    ...unnamed,
    ...(name ? dns1123Subdomain(name).map((text) => invalid(`${field}.name`, name, text)) : []),
    ...(apiGroup ? [notSupportedPlain(`${field}.apiGroup`, apiGroup, [''])] : []),
    ...(!namespaced && !namespace ? [required(`${field}.namespace`)] : []),
  ];
}
