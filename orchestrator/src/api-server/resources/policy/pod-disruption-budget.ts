import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { validateIntOrPercent } from '../apps/int-or-percent.ts';
import { nonNegativeCounts } from '../apps/status-counts.ts';
import { invalid, notSupported } from '../field.ts';
import { shownSelector, validateLabelSelector } from '../label-selector.ts';
import { validateConditions } from '../resource/taints.ts';
import type { KindRules } from '../rules.ts';

const evictionPolicies = ['AlwaysAllow', 'IfHealthyBudget'];

export const podDisruptionBudgetRules: KindRules = {
  generation: { initial: true, of: ({ spec }) => spec },
  cells: {
    'Min Available': ({ spec }) => String(spec?.minAvailable ?? 'N/A'),
    'Max Unavailable': ({ spec }) => String(spec?.maxUnavailable ?? 'N/A'),
    'Allowed Disruptions': ({ status }) => status?.disruptionsAllowed ?? 0,
  },
  rules: {
    nameRule: 'pathSegment',
    validate: (object) => validateSpec((object as PodDisruptionBudget).spec ?? {}),
    validateStatusUpdate: ({ status = {} }) => [
      ...validateConditions(status.conditions ?? [], 'status.conditions'),
      ...nonNegativeCounts(status, ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods']),
    ],
  },
};

function validateSpec(spec: PodDisruptionBudgetSpec): FieldError[] {
  const { minAvailable: min, maxUnavailable: max, selector, unhealthyPodEvictionPolicy: policy } = spec;
  return [
    ...(min !== undefined && max !== undefined
      ? [invalid('spec', unversioned(spec), 'minAvailable and maxUnavailable cannot be both set')]
      : []),
    ...(min === undefined ? [] : validateIntOrPercent(min, 'spec.minAvailable')),
    ...(max === undefined ? [] : validateIntOrPercent(max, 'spec.maxUnavailable')),
    ...validateLabelSelector(selector, 'spec.selector'),
    ...(policy === undefined || evictionPolicies.includes(policy)
      ? []
      : [notSupported('spec.unhealthyPodEvictionPolicy', policy, evictionPolicies)]),
  ];
}

/** The spec as upstream prints its unversioned form. */
function unversioned(spec: PodDisruptionBudgetSpec): object {
  return {
    MinAvailable: spec.minAvailable ?? null,
    Selector: shownSelector(spec.selector) ?? null,
    MaxUnavailable: spec.maxUnavailable ?? null,
    UnhealthyPodEvictionPolicy: spec.unhealthyPodEvictionPolicy ?? null,
  };
}
