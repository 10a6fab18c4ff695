import { integerOf } from '@berth/kit';
import { asInt64, type DaemonSet, type DaemonSetSpec, type RollingUpdateDaemonSet } from '@berth/kube';
import { nextGeneration } from '../../next-generation.ts';
import { int64Problem } from '../../query-values.ts';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { formatLabels } from '../columns.ts';
import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { validatePodTemplate } from '../core/pod/spec.ts';
import { semanticEqual } from '../equality.ts';
import { invalid, notSupported, required } from '../field.ts';
import { fixedSelector, validateLabelSelector } from '../label-selector.ts';
import { nonNegative } from '../metadata.ts';
import type { KindRules } from '../rules.ts';
import { isZero, validateIntOrPercent } from './int-or-percent.ts';
import { decremented, nonNegativeCounts } from './status-counts.ts';
import { isReadable, selectedTemplate, templateLimits } from './template.ts';
import { count, templateCells } from './workload-cells.ts';

/** Where the version of the template is kept since the field for it went (apps/v1 conversion). */
const templateGeneration = 'deprecated.daemonset.template.generation';

export const daemonSetRules: KindRules = {
  generation: { initial: true, of: ({ spec }) => spec },
  cells: {
    ...templateCells,
    Desired: (object) => count(object, 'desiredNumberScheduled'),
    Current: (object) => count(object, 'currentNumberScheduled'),
    Ready: (object) => count(object, 'numberReady'),
    'Up-to-date': (object) => count(object, 'updatedNumberScheduled'),
    Available: (object) => count(object, 'numberAvailable'),
    'Node Selector': ({ spec }) => formatLabels(spec?.template?.spec?.nodeSelector),
  },
  rules: {
    unconvertible: ({ metadata }) => int64Problem(metadata.annotations?.[templateGeneration] ?? '0'),
    default: (object) => {
      // Every apps/v1 form has it: upstream fills it from a field of the unversioned one.
      setTemplateGeneration(object, generationOf(object));
      defaultDaemonSet(object as DaemonSet);
    },
    prepareForCreate: (object) => {
      const generation = generationOf(object);
      setTemplateGeneration(object, generation < 1 ? 1 : generation);
    },
    prepareForUpdate: (next, old) => {
      const changed = !semanticEqual(next['spec'].template, old['spec'].template);
      setTemplateGeneration(next, changed ? nextGeneration(generationOf(old)) : generationOf(old));
    },
    validate: (object) => validateSpec((object as DaemonSet).spec as DaemonSetSpec),
    validateChangeFirst: (next, old) => fixedSelector(next['spec'].selector, old['spec'].selector, 'spec.selector'),
    validateStatusUpdate,
  },
};

function generationOf({ metadata }: AnyObject): number {
  return integerOf(asInt64(metadata.annotations?.[templateGeneration] ?? '0') ?? 0n) as number;
}

function setTemplateGeneration({ metadata }: AnyObject, generation: number): void {
  metadata.annotations = { ...metadata.annotations, [templateGeneration]: String(generation) };
}

function defaultDaemonSet({ spec }: DaemonSet): void {
  if (!spec) return;
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ??= 'RollingUpdate';
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
  } else if (spec.updateStrategy.rollingUpdate) {
    // The unversioned form tells none from zero no more.
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 0;
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= 10;
  defaultPodTemplate(spec.template);
}

function validateSpec(spec: DaemonSetSpec): FieldError[] {
  const { selector, template } = spec;
  return [
    ...validateLabelSelector(selector, 'spec.selector'),
    ...(selector && Object.keys(selector).length === 0
      ? [invalid('spec.selector', selector, 'empty selector is invalid for daemonset')]
      : []),
    ...(isReadable(selector)
      ? selectedTemplate(template, selector, 'spec.template')
      : validatePodTemplate(template, 'spec.template')),
    ...templateLimits(template, 'DaemonSet', 'spec.template'),
    ...nonNegative(spec.minReadySeconds ?? 0, 'spec.minReadySeconds'),
    ...strategyErrors(spec),
    ...nonNegative(spec.revisionHistoryLimit ?? 0, 'spec.revisionHistoryLimit'),
  ];
}

/** Of the unversioned form. */
function shownRolling({ maxUnavailable = 0, maxSurge = 0 }: RollingUpdateDaemonSet): object {
  return { MaxUnavailable: maxUnavailable, MaxSurge: maxSurge };
}

function strategyErrors({ updateStrategy: strategy = {} }: DaemonSetSpec): FieldError[] {
  const field = 'spec.updateStrategy';
  if (strategy.type === 'OnDelete') return [];
  if (strategy.type !== 'RollingUpdate') {
    const shown = {
      Type: strategy.type ?? '',
      RollingUpdate: strategy.rollingUpdate ? shownRolling(strategy.rollingUpdate) : null,
    };
    return [notSupported(field, shown, ['RollingUpdate', 'OnDelete'])];
  }
  if (!strategy.rollingUpdate) return [required(`${field}.rollingUpdate`)];
  const { maxUnavailable = 0, maxSurge = 0 } = strategy.rollingUpdate;
  const path = `${field}.rollingUpdate`;
  return [
    ...validateIntOrPercent(maxUnavailable, `${path}.maxUnavailable`),
    ...validateIntOrPercent(maxSurge, `${path}.maxSurge`),
    ...(!isZero(maxUnavailable) && !isZero(maxSurge)
      ? [invalid(`${path}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero')]
      : []),
    ...(isZero(maxUnavailable) && isZero(maxSurge)
      ? [required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0')]
      : []),
  ];
}

function validateStatusUpdate(next: AnyObject, old: AnyObject): FieldError[] {
  const names = [
    'currentNumberScheduled',
    'numberMisscheduled',
    'desiredNumberScheduled',
    'numberReady',
    'observedGeneration',
    'updatedNumberScheduled',
    'numberAvailable',
    'numberUnavailable',
    'collisionCount',
  ];
  return [
    ...nonNegativeCounts(next['status'] ?? {}, names),
    ...decremented(next['status']?.collisionCount, old['status']?.collisionCount),
  ];
}
