import type { ReplicaSet, ReplicaSetSpec, ReplicationController, ReplicationControllerSpec } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { formatLabels } from '../columns.ts';
import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { validatePodTemplate } from '../core/pod/spec.ts';
import { invalid, required } from '../field.ts';
import { fixedSelector, selectorMatches, validateLabelSelector } from '../label-selector.ts';
import { nonNegative } from '../metadata.ts';
import type { KindRules } from '../rules.ts';
import { nonNegativeCounts, notMoreThan } from './status-counts.ts';
import { isReadable, selectedTemplate, templateLimits, unmatched } from './template.ts';
import { count, templateCells } from './workload-cells.ts';

const cells: NonNullable<KindRules['cells']> = {
  ...templateCells,
  Desired: ({ spec }) => spec?.replicas ?? 0,
  Current: (object) => count(object, 'replicas'),
  Ready: (object) => count(object, 'readyReplicas'),
};

const selectableFields = { 'status.replicas': (object: AnyObject) => String(count(object, 'replicas')) };

export const replicaSetRules: KindRules = {
  generation: { initial: true, of: ({ spec }) => spec },
  cells,
  rules: {
    default: (object) => {
      const spec = (object as ReplicaSet).spec as ReplicaSetSpec;
      spec.replicas ??= 1;
      if (spec.template) defaultPodTemplate(spec.template);
    },
    validate: (object) => validateSpec((object as ReplicaSet).spec as ReplicaSetSpec),
    validateUpdate: (next, old) => fixedSelector(next['spec'].selector, old['spec'].selector, 'spec.selector'),
    validateStatusUpdate,
  },
};

function validateSpec({ selector, template = {}, replicas = 0, minReadySeconds = 0 }: ReplicaSetSpec): FieldError[] {
  return [
    ...nonNegative(replicas, 'spec.replicas'),
    ...nonNegative(minReadySeconds, 'spec.minReadySeconds'),
    ...(selector ? validateLabelSelector(selector, 'spec.selector') : [required('spec.selector')]),
    ...(selector && Object.keys(selector).length === 0
      ? [invalid('spec.selector', selector, 'empty selector is invalid for deployment')]
      : []),
    ...selectedTemplate(template, selector, 'spec.template'),
    ...(isReadable(selector) ? templateLimits(template, 'ReplicaSet', 'spec.template') : []),
  ];
}

const counts = ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'];

function validateStatusUpdate(next: AnyObject): FieldError[] {
  const status = next['status'] ?? {};
  return [
    ...nonNegativeCounts(status, ['replicas', ...counts, 'observedGeneration', 'terminatingReplicas']),
    ...notMoreThan(status, counts, 'replicas'),
    ...notMoreThan(status, ['availableReplicas'], 'readyReplicas', 'cannot be greater than readyReplicas'),
  ];
}

/** ReplicationControllers: the older kind, whose selector is a plain map that follows the template. */
export const replicationControllerRules: KindRules = {
  generation: { initial: true, of: ({ spec }) => spec },
  cells: { ...cells, Selector: ({ spec }) => formatLabels(spec?.selector) },
  rules: {
    default: (object) => {
      const { metadata, spec = {} } = object as ReplicationController;
      spec.replicas ??= 1;
      const labels = spec.template?.metadata?.labels;
      if (labels && !spec.selector) spec.selector = { ...labels };
      if (labels && !metadata.labels) metadata.labels = { ...labels };
      if (spec.template) defaultPodTemplate(spec.template);
    },
    nameRule: 'longName',
    validate: (object) => validateController((object as ReplicationController).spec ?? {}),
    validateStatusUpdate,
    selectableFields,
  },
};

function validateController(spec: ReplicationControllerSpec): FieldError[] {
  const { selector = {}, template, replicas = 0, minReadySeconds = 0 } = spec;
  const empty = Object.keys(selector).length === 0;
  const labels = template?.metadata?.labels;
  return [
    ...nonNegative(minReadySeconds, 'spec.minReadySeconds'),
    ...(empty ? [required('spec.selector')] : []),
    ...nonNegative(replicas, 'spec.replicas'),
    ...(template ? [] : [required('spec.template')]),
    ...(template && !empty && !selectorMatches({ matchLabels: selector }, labels)
      ? [unmatched(template, 'spec.template')]
      : []),
    ...(template ? validatePodTemplate(template, 'spec.template') : []),
    ...(template ? templateLimits(template, 'ReplicationController', 'spec.template') : []),
  ];
}
