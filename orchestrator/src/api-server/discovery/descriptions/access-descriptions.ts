import type { Descriptions } from './descriptions.ts';

export const accessDescriptions: Descriptions = {
  'api.core.v1.ServiceAccount': {
    '': 'An account that pods act as.',
    automountServiceAccountToken: 'Whether pods get a token of it, unless they say otherwise.',
    imagePullSecrets: 'Credentials of registries for pods of the account.',
    secrets: 'Secrets that pods of the account may mount.',
  },
  'api.rbac.v1.Role': {
    '': 'What may be done in one namespace.',
    rules: 'Each allows something; together they allow all of it.',
  },
  'api.rbac.v1.ClusterRole': {
    '': 'What may be done in the whole cluster, or in each namespace it is bound in.',
    aggregationRule: 'Selects ClusterRoles whose rules become those of this one.',
    rules: 'Each allows something; together they allow all of it.',
  },
  'api.rbac.v1.PolicyRule': {
    '': 'Something that is allowed.',
    apiGroups: 'Groups of the resources; empty for core, * for all.',
    nonResourceURLs: 'Paths that are no resources, such as /metrics. Only in ClusterRoles.',
    resourceNames: 'Names of the objects it is about; none: all.',
    resources: 'Resources, such as pods or pods/log; * for all.',
    verbs: 'What may be done: get, list, watch, create, update, patch, delete, deletecollection, …; * for all.',
  },
  'api.rbac.v1.RoleBinding': {
    '': 'Gives a role to users in one namespace.',
    roleRef: 'The Role or ClusterRole. It cannot be changed.',
    subjects: 'Whom it is given to.',
  },
  'api.rbac.v1.ClusterRoleBinding': {
    '': 'Gives a ClusterRole to users everywhere.',
    roleRef: 'The ClusterRole. It cannot be changed.',
    subjects: 'Whom it is given to.',
  },
  'api.rbac.v1.Subject': {
    '': 'A user, a group or a service account.',
    apiGroup: 'rbac.authorization.k8s.io for users and groups, empty for service accounts.',
    kind: 'User, Group or ServiceAccount.',
    name: 'The name.',
    namespace: 'The namespace of a service account.',
  },
  'api.core.v1.ResourceQuota': {
    '': 'The most that a namespace may have and use.',
    spec: 'The limits.',
    status: 'What is used of them.',
  },
  'api.core.v1.ResourceQuotaSpec': {
    '': 'The most a namespace may have.',
    hard: 'Limits by name, such as pods, requests.cpu, requests.storage or count/deployments.apps.',
    scopeSelector: 'Which objects are counted, by terms.',
    scopes: 'Which objects are counted, such as BestEffort pods.',
  },
  'api.core.v1.LimitRange': {
    '': 'Bounds and defaults for what pods and claims of a namespace ask for.',
    spec: 'The bounds.',
  },
  'api.core.v1.LimitRangeItem': {
    '': 'Bounds for one kind of thing.',
    default: 'Limits of containers that name none.',
    defaultRequest: 'Requests of containers that name none.',
    max: 'The most that may be asked for.',
    maxLimitRequestRatio: 'How many times its request a limit may be.',
    min: 'The least that has to be asked for.',
    type: 'Container, Pod or PersistentVolumeClaim.',
  },
};
