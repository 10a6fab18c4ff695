import type { Deployment, DeploymentSpec } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { forbidden, invalid, notSupported, required } from '../field.ts';
import { fixedSelector, formatSelector, validateLabelSelector } from '../label-selector.ts';
import { nonNegative } from '../metadata.ts';
import type { KindRules } from '../rules.ts';
import { isZero, validateIntOrPercent } from './int-or-percent.ts';
import { decremented, nonNegativeCounts, notMoreThan } from './status-counts.ts';
import { isReadable, selectedTemplate, templateLimits } from './template.ts';
import { count, templateCells } from './workload-cells.ts';

/** Deployments: their generation follows annotations too, as the controller copies those to ReplicaSets. */
export const deploymentRules: KindRules = {
  generation: { initial: true, of: ({ spec, metadata }) => ({ spec, annotations: metadata.annotations }) },
  cells: {
    ...templateCells,
    Ready: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    'Up-to-date': (object) => count(object, 'updatedReplicas'),
    Available: (object) => count(object, 'availableReplicas'),
    Selector: ({ spec }) => formatSelector(spec?.selector),
  },
  rules: {
    default: (object) => defaultDeployment(object as Deployment),
    // The labels are not the controller's to change.
    prepareForStatusUpdate: ({ metadata }, { metadata: { labels } }) => {
      if (labels) metadata.labels = { ...labels };
      else delete metadata.labels;
    },
    validate: (object) => validateSpec((object as Deployment).spec as DeploymentSpec),
    validateUpdate: (next, old) => fixedSelector(next['spec'].selector, old['spec'].selector, 'spec.selector'),
    validateStatusUpdate,
  },
};

function defaultDeployment({ spec }: Deployment): void {
  if (!spec) return;
  spec.replicas ??= 1;
  spec.strategy ??= {};
  spec.strategy.type ??= 'RollingUpdate';
  if (spec.strategy.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
    spec.strategy.rollingUpdate.maxSurge ??= '25%';
  }
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
  defaultPodTemplate(spec.template);
}

function validateSpec(spec: DeploymentSpec): FieldError[] {
  const { selector, progressDeadlineSeconds: deadline, minReadySeconds = 0 } = spec;
  return [
    ...nonNegative(spec.replicas ?? 0, 'spec.replicas'),
    ...(selector ? validateLabelSelector(selector, 'spec.selector') : [required('spec.selector')]),
    ...(selector && Object.keys(selector).length === 0
      ? [invalid('spec.selector', selector, 'empty selector is invalid for deployment')]
      : []),
    ...selectedTemplate(spec.template, selector, 'spec.template'),
    ...(isReadable(selector) ? templateLimits(spec.template, 'ReplicaSet', 'spec.template') : []),
    ...strategyErrors(spec),
    ...nonNegative(minReadySeconds, 'spec.minReadySeconds'),
    ...nonNegative(spec.revisionHistoryLimit ?? 0, 'spec.revisionHistoryLimit'),
    ...nonNegative(deadline ?? 0, 'spec.progressDeadlineSeconds'),
    ...(deadline !== undefined && deadline <= minReadySeconds
      ? [invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds')]
      : []),
  ];
}

function strategyErrors({ strategy = {} }: DeploymentSpec): FieldError[] {
  const field = 'spec.strategy';
  const rolling = strategy.rollingUpdate;
  if (strategy.type === 'Recreate')
    return rolling
      ? [forbidden(`${field}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")]
      : [];
  if (strategy.type !== 'RollingUpdate') {
    const steps = rolling && { MaxUnavailable: rolling.maxUnavailable ?? 0, MaxSurge: rolling.maxSurge ?? 0 };
    const shown = { Type: strategy.type ?? '', RollingUpdate: steps ?? null };
    return [notSupported(field, shown, ['Recreate', 'RollingUpdate'])];
  }
  if (!rolling) return [required(`${field}.rollingUpdate`, 'this should be defaulted and never be nil')];
  const { maxUnavailable = 0, maxSurge = 0 } = rolling;
  const path = `${field}.rollingUpdate.maxUnavailable`;
  return [
    ...validateIntOrPercent(maxUnavailable, path),
    ...validateIntOrPercent(maxSurge, `${field}.rollingUpdate.maxSurge`, false),
    ...(isZero(maxUnavailable) && isZero(maxSurge)
      ? [invalid(path, maxUnavailable, 'may not be 0 when `maxSurge` is 0')]
      : []),
  ];
}

const counts = ['replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas', 'unavailableReplicas'];

function validateStatusUpdate(next: AnyObject, old: AnyObject): FieldError[] {
  const status = (next as Deployment).status ?? {};
  return [
    ...nonNegativeCounts(status, ['observedGeneration', ...counts, 'terminatingReplicas', 'collisionCount']),
    ...notMoreThan(status, counts.slice(1, 4), 'replicas'),
    ...notMoreThan(status, ['availableReplicas'], 'readyReplicas', 'cannot be greater than readyReplicas'),
    ...decremented(status.collisionCount, (old as Deployment).status?.collisionCount),
  ];
}
