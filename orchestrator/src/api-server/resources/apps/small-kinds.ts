import { type ControllerRevision, controllerOf, groupVersionOf, type PodTemplate } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { formatLabels } from '../columns.ts';
import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { validatePodTemplate } from '../core/pod/spec.ts';
import { required } from '../field.ts';
import { immutable, nonNegative } from '../metadata.ts';
import type { KindRules } from '../rules.ts';
import { containers } from './workload-cells.ts';

export const controllerRevisionRules: KindRules = {
  cells: {
    Controller: (revision) => {
      const owner = controllerOf(revision);
      if (!owner) return '<none>';
      const { group } = groupVersionOf(owner.apiVersion);
      return `${owner.kind.toLowerCase()}${group === '' ? '' : `.${group}`}/${owner.name}`;
    },
    Revision: ({ revision }) => revision ?? 0,
  },
  rules: {
    validate: (object, old) => {
      const { revision, data } = object as ControllerRevision;
      return [...nonNegative(revision ?? 0, 'revision'), ...(old ? [] : dataErrors(data))];
    },
    validateUpdate: (next, old) => immutable(next['data'], old['data'], 'data'),
  },
};

/** Of a new revision; a stored one's data does not change. */
function dataErrors(data: unknown): FieldError[] {
  if (data === undefined || data === null) return [required('data', 'data is mandatory')];
  return typeof data === 'object' && !Array.isArray(data) ? [] : [required('data', 'data must be a valid JSON object')];
}

export const podTemplateRules: KindRules = {
  generation: { initial: true, of: ({ template }) => template },
  cells: {
    Containers: ({ template }) => containers(template, 'name'),
    Images: ({ template }) => containers(template, 'image'),
    'Pod Labels': ({ template }) => formatLabels(template?.metadata?.labels),
  },
  rules: {
    default: (object) => {
      const { template } = object as PodTemplate;
      if (template) defaultPodTemplate(template);
    },
    validate: (object) => validatePodTemplate((object as PodTemplate).template ?? {}, 'template'),
  },
};
