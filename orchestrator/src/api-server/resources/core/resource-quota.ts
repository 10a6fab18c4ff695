import {
  type ResourceQuota,
  type ResourceQuotaSpec,
  type ScopedResourceSelectorRequirement,
  withSentEmpty,
} from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { invalid, required } from '../field.ts';
import type { KindRules } from '../rules.ts';
import { isQuotaHugePages, validateResourceName, validateResourceValue } from './pod/resource-requirements.ts';

const scopes = new Set([
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
  'VolumeAttributesClass',
]);
const prefixed = (names: readonly string[]) =>
  ['', 'requests.', 'limits.'].flatMap((p) => names.map((name) => p + name));
/** What scopes of pods can narrow, besides their number. */
const podResources = new Set(prefixed(['cpu', 'memory']));
const quotaResources = new Set([
  ...prefixed(['cpu', 'memory', 'ephemeral-storage']),
  'requests.storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
]);

export const resourceQuotaRules: KindRules = {
  cells: {
    Request: (object) => usage(object as ResourceQuota, (name) => !name.startsWith('limits.')),
    Limit: (object) => usage(object as ResourceQuota, (name) => name.startsWith('limits.')),
  },
  rules: {
    validate: (object) => {
      const { spec = {}, status } = object as ResourceQuota;
      return [
        ...hardErrors(spec.hard ?? {}, 'spec.hard'),
        ...scopeErrors(spec),
        ...selectorErrors(spec),
        ...hardErrors(status?.hard ?? {}, 'status.hard'),
        ...hardErrors(status?.used ?? {}, 'status.used'),
      ];
    },
    validateUpdate: (next: AnyObject, old: AnyObject) => {
      const of = (object: AnyObject) => new Set((object as ResourceQuota).spec?.scopes ?? []);
      return of(next).symmetricDifference(of(old)).size === 0
        ? []
        : [invalid('spec.scopes', withSentEmpty((next as ResourceQuota).spec ?? {}, 'scopes'), 'field is immutable')];
    },
    validateStatusUpdate: (next) => {
      const { status } = next as ResourceQuota;
      return [...hardErrors(status?.hard ?? {}, 'status.hard'), ...hardErrors(status?.used ?? {}, 'status.used')];
    },
  },
};

function usage({ status }: ResourceQuota, shown: (name: string) => boolean): string {
  return Object.entries(status?.hard ?? {})
    .filter(([name]) => shown(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, hard]) => `${name}: ${status?.used?.[name] ?? '0'}/${hard}`)
    .join(', ');
}

function isQuotaResource(name: string): boolean {
  return quotaResources.has(name) || isQuotaHugePages(name);
}

function hardErrors(hard: Readonly<Record<string, string>>, field: string): FieldError[] {
  return Object.entries(hard).flatMap(([name, value]) => {
    const path = `${field}[${name}]`;
    const named = name.includes('/') || isQuotaResource(name) ? validateQuotaName(name, path) : unknownName(name, path);
    return [...named, ...validateResourceValue(name, value, path)];
  });
}

function validateQuotaName(name: string, field: string): FieldError[] {
  return quotaResources.has(name) ? [] : validateResourceName(name, field);
}

function unknownName(name: string, field: string): FieldError[] {
  return [...validateResourceName(name, field), invalid(field, name, 'must be a standard resource for quota')];
}

/** Which resources a scope can narrow. */
function fits(scope: string, resource: string): boolean {
  if (scope === 'BestEffort') return resource === 'pods';
  if (scope === 'VolumeAttributesClass') return ['requests.storage', 'persistentvolumeclaims'].includes(resource);
  if (!scopes.has(scope)) return true;
  return podResources.has(resource) || resource === 'pods';
}

const misfit = 'unsupported scope applied to resource';

/** The resources that a scope cannot narrow. */
function misfits(scope: string, hard: object): string[] {
  return Object.keys(hard).filter((name) => isQuotaResource(name) && !fits(scope, name));
}

function conflictErrors(names: readonly string[], named: readonly string[] | null, field: string): FieldError[] {
  return [
    ['BestEffort', 'NotBestEffort'],
    ['Terminating', 'NotTerminating'],
  ]
    .filter((pair) => pair.every((scope) => names.includes(scope)))
    .map(() => invalid(field, named, 'conflicting scopes'));
}

function scopeErrors({ scopes: named = [], hard = {} }: ResourceQuotaSpec): FieldError[] {
  const field = 'spec.scopes';
  return [
    ...named.flatMap((scope) => [
      ...(scopes.has(scope) ? [] : [invalid(field, named, 'unsupported scope')]),
      ...misfits(scope, hard).map(() => invalid(field, named, misfit)),
    ]),
    ...conflictErrors(named, named, field),
  ];
}

/** Scopes a pod has or has not. */
const valueless = new Set([
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'CrossNamespacePodAffinity',
]);
const existsOnly = `must be 'Exists' when scope is any of ${[...valueless]
  .map((scope) => `ResourceQuotaScope${scope}`)
  .join(', ')
  .replace(/, (\w+)$/, ' or $1')}`;

function selectorErrors({ scopes: named, scopeSelector, hard = {} }: ResourceQuotaSpec): FieldError[] {
  const field = 'spec.scopeSelector.matchExpressions';
  const expressions = scopeSelector?.matchExpressions ?? [];
  const shown = {
    MatchExpressions: expressions.map(({ scopeName, operator, values = null }) => ({
      ScopeName: scopeName,
      Operator: operator,
      Values: values,
    })),
  };
  const errors = expressions.flatMap((requirement) => [
    ...(scopes.has(requirement.scopeName)
      ? []
      : [invalid(`${field}.scopeName`, requirement.scopeName, 'unsupported scope')]),
    ...misfits(requirement.scopeName, hard).map(() => invalid(field, shown, misfit)),
    ...(valueless.has(requirement.scopeName) && requirement.operator !== 'Exists'
      ? [invalid(`${field}.operator`, requirement.operator, existsOnly)]
      : []),
    ...requirementErrors(requirement, field),
  ]);
  const names = expressions.map(({ scopeName }) => scopeName);
  // Upstream shows the scopes beside the selector.
  return [...errors, ...conflictErrors(names, named ?? null, field)];
}

function requirementErrors({ operator, values = [] }: ScopedResourceSelectorRequirement, field: string): FieldError[] {
  const only = "when `operator` is 'In' or 'NotIn' for scope selector";
  const none = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
  if (operator === 'In' || operator === 'NotIn')
    return values.length > 0 ? [] : [required(`${field}.values`, `must be at least one value ${only}`)];
  if (operator === 'Exists' || operator === 'DoesNotExist')
    return values.length === 0 ? [] : [invalid(`${field}.values`, values, none)];
  return [invalid(`${field}.operator`, operator, 'not a valid selector operator')];
}
