import type { PersistentVolumeClaim, Pod, ResourceQuotaSpec, ScopedResourceSelectorRequirement } from '@berth/kube';
import { qosClass } from '../api-server/resources/core/pod/qos.ts';

/** Whether a quota is about this object: its scopes narrow pods and claims (quota/v1/evaluator/core podMatchesScopeFunc, pvcMatchesScopeFunc). */
export function isInScope(spec: ResourceQuotaSpec, plural: string, object: object): boolean {
  return scopesOf(spec).every((scope) => isOfScope(scope, plural, object));
}

export function scopesOf({ scopes, scopeSelector }: ResourceQuotaSpec): ScopedResourceSelectorRequirement[] {
  return [
    ...(scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
    ...(scopeSelector?.matchExpressions ?? []),
  ];
}

/** Nothing but pods and claims is of any. */
export function isOfScope(scope: ScopedResourceSelectorRequirement, plural: string, object: object): boolean {
  if (plural === 'pods') return podMatches(scope, object as Pod);
  return plural === 'persistentvolumeclaims' && claimMatches(scope, object as PersistentVolumeClaim);
}

/** A claim on its way from one class to another is of both. */
function claimMatches(
  { scopeName, operator, values = [] }: ScopedResourceSelectorRequirement,
  claim: PersistentVolumeClaim,
): boolean {
  if (scopeName !== 'VolumeAttributesClass') return false;
  const names = attributesClassesOf(claim);
  return names.size === 0 ? selects(operator, values, '') : [...names].some((name) => selects(operator, values, name));
}

/** Those that a claim should have, has, and is being given. */
export function attributesClassesOf({ spec, status }: PersistentVolumeClaim): ReadonlySet<string> {
  const { currentVolumeAttributesClassName, modifyVolumeStatus } = status ?? {};
  const names = [
    spec?.volumeAttributesClassName,
    currentVolumeAttributesClassName,
    modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return new Set(names.filter((name): name is string => name !== undefined && name !== ''));
}

function podMatches({ scopeName, operator, values = [] }: ScopedResourceSelectorRequirement, pod: Pod): boolean {
  switch (scopeName) {
    case 'Terminating':
      return isTerminating(pod);
    case 'NotTerminating':
      return !isTerminating(pod);
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'PriorityClass':
      return selects(operator, values, pod.spec?.priorityClassName ?? '');
    case 'CrossNamespacePodAffinity':
      return looksElsewhere(pod);
    default:
      return false;
  }
}

/** Whether a pod's time is limited from the beginning; one without a limit may get one. */
export function isTerminating({ spec }: Pod): boolean {
  return (spec?.activeDeadlineSeconds ?? -1) >= 0;
}

function isBestEffort({ spec }: Pod): boolean {
  return spec !== undefined && qosClass(spec) === 'BestEffort';
}

function selects(operator: string, values: readonly string[], name: string): boolean {
  if (operator === 'Exists') return name !== '';
  if (operator === 'DoesNotExist') return name === '';
  return values.includes(name) === (operator === 'In');
}

function looksElsewhere({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
  return terms.some((term) => (term.namespaces?.length ?? 0) > 0 || term.namespaceSelector !== undefined);
}
