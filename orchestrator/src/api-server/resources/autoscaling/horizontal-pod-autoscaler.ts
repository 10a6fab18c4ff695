import {
  type AutoscalingV2HorizontalPodAutoscaler as Autoscaler,
  type HPAScalingRules,
  keepSentEmpty,
  type MetricSpec,
  type MetricStatus,
  type MetricTarget,
  withSentEmpty,
} from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { nonNegativeCounts } from '../apps/status-counts.ts';
import { forbidden, invalid, notSupported, required } from '../field.ts';
import { nonNegativeQuantity } from '../metadata.ts';
import type { KindRules } from '../rules.ts';
import {
  dropAnnotations,
  keepAnnotations,
  specAnnotations,
  statusAnnotations,
  toVersion1,
  toVersion2,
} from './conversion.ts';
import { metricErrors, referenceErrors } from './metric-errors.ts';

const cells: NonNullable<KindRules['cells']> = {
  Reference: ({ spec }) => `${spec?.scaleTargetRef?.kind}/${spec?.scaleTargetRef?.name}`,
  Targets: (object) => targets(object as Autoscaler),
  MinPods: ({ spec }) => String(spec?.minReplicas ?? '<unset>'),
  MaxPods: ({ spec }) => spec?.maxReplicas ?? 0,
  Replicas: ({ status }) => status?.currentReplicas ?? 0,
};

/** HorizontalPodAutoscalers: stored as autoscaling/v2. */
export const autoscalerRules: KindRules = {
  cells,
  rules: {
    default: (object) => {
      dropAnnotations(object);
      defaultAutoscaler(object as Autoscaler);
    },
    validate: (object) => validate(object as Autoscaler),
    validateStatusUpdate: (next) => nonNegativeCounts(next['status'] ?? {}, ['currentReplicas', 'desiredReplicas']),
  },
  versions: {
    v1: {
      cells: { Targets: (object) => targets(toVersion2(object) as Autoscaler) },
      rules: {
        default: (object) => asConverted(object),
        prepareForCreate: (object) => dropAnnotations(object, statusAnnotations),
        prepareForUpdate: (next, old) => keepAnnotations(next, old, statusAnnotations),
        prepareForStatusUpdate: (next, old) => keepAnnotations(next, old, specAnnotations),
        validate: (object) => validate(toVersion2(object) as Autoscaler),
      },
      storedAs: {
        group: 'autoscaling',
        plural: 'horizontalpodautoscalers',
        toStored: (object) => withBehavior(toVersion2(object)),
        fromStored: toVersion1,
      },
    },
  },
};

/** As v1 shows what it was read as: with a target, and the annotations that say what was understood of them. */
function asConverted(object: AnyObject): void {
  const { metadata, spec, status } = toVersion1(toVersion2(object));
  if (metadata.annotations) object.metadata.annotations = metadata.annotations;
  else delete object.metadata.annotations;
  object.spec = { ...spec, minReplicas: spec?.minReplicas ?? 1 };
  object.status = status;
}

/** What is stored is read as v2, whose defaults it has then. */
function withBehavior(object: AnyObject): AnyObject {
  defaultBehavior(object['spec'] as Autoscaler['spec']);
  return object;
}

function defaultAutoscaler({ spec }: Autoscaler): void {
  if (!spec) return;
  spec.minReplicas ??= 1;
  if (!spec.metrics?.length)
    spec.metrics = [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
    ];
  defaultBehavior(spec);
}

function defaultBehavior(spec: Autoscaler['spec']): void {
  if (!spec?.behavior) return;
  const down = { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] };
  const up = {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, ...down.policies],
  };
  spec.behavior.scaleUp = scaling(up, spec.behavior.scaleUp);
  spec.behavior.scaleDown = scaling(down, spec.behavior.scaleDown);
}

/** No policies that were sent are not the same as none. */
function scaling(usual: HPAScalingRules, given: HPAScalingRules = {}): HPAScalingRules {
  const { policies: _, ...others } = usual;
  return keepSentEmpty(given, { ...(withSentEmpty(given, 'policies') ? others : usual), ...given });
}

function validate({ spec }: Autoscaler): FieldError[] {
  if (!spec) return [required('spec.maxReplicas', 'must be set and greater than 0')];
  const { minReplicas: min, maxReplicas: max = 0, scaleTargetRef: target, metrics = [], behavior } = spec;
  const field = 'spec.maxReplicas';
  return [
    ...(min !== undefined && min < 1 ? [invalid('spec.minReplicas', min, 'must be greater than or equal to 1')] : []),
    ...(max === 0 ? [required(field, 'must be set and greater than 0')] : []),
    ...(max < 0 ? [invalid(field, max, 'must be greater than or equal to 1')] : []),
    ...(min !== undefined && max < min ? [invalid(field, max, 'must be greater than or equal to `minReplicas`')] : []),
    ...referenceErrors(target ?? {}, 'spec.scaleTargetRef', target?.kind === 'ReplicationController'),
    ...metrics.flatMap((metric, index) => metricErrors(metric, `spec.metrics[${index}]`)),
    ...(min === 0 && !metrics.some(({ object, external }) => object ?? external)
      ? [forbidden('spec.metrics', fromZero)]
      : []),
    ...scalingErrors(behavior?.scaleUp, 'spec.behavior.scaleUp'),
    ...scalingErrors(behavior?.scaleDown, 'spec.behavior.scaleDown'),
  ];
}

const fromZero = 'must specify at least one Object or External metric to support scaling to zero replicas';
const longestWindow = 3600;
const longestPeriod = 1800;

function scalingErrors(rules: HPAScalingRules | undefined, field: string): FieldError[] {
  if (!rules) return [];
  const { stabilizationWindowSeconds: seconds = 0, selectPolicy, policies = [], tolerance } = rules;
  const window = `${field}.stabilizationWindowSeconds`;
  const selections = ['Disabled', 'Max', 'Min'];
  return [
    ...(seconds < 0 ? [invalid(window, seconds, 'must be greater than or equal to zero')] : []),
    ...(seconds > longestWindow ? [invalid(window, seconds, `must be less than or equal to ${longestWindow}`)] : []),
    ...(selectPolicy === undefined || selections.includes(selectPolicy)
      ? []
      : [notSupported(`${field}.selectPolicy`, selectPolicy, selections)]),
    ...(policies.length > 0 ? [] : [required(`${field}.policies`, 'must specify at least one Policy')]),
    ...policies.flatMap(({ type, value, periodSeconds: period }, index) => {
      const path = `${field}.policies[${index}]`;
      return [
        ...(['Percent', 'Pods'].includes(type) ? [] : [notSupported(`${path}.type`, type, ['Percent', 'Pods'])]),
        ...(value > 0 ? [] : [invalid(`${path}.value`, value, 'must be greater than zero')]),
        ...(period > 0 ? [] : [invalid(`${path}.periodSeconds`, period, 'must be greater than zero')]),
        ...(period > longestPeriod
          ? [invalid(`${path}.periodSeconds`, period, `must be less than or equal to ${longestPeriod}`)]
          : []),
      ];
    }),
    ...(tolerance === undefined ? [] : nonNegativeQuantity(tolerance, `${field}.tolerance`)),
  ];
}

/** `cpu: 12%/80%`: at most two metrics, what is and what shall be. */
function targets({ spec, status }: Autoscaler): string {
  const metrics = spec?.metrics ?? [];
  if (metrics.length === 0) return '<none>';
  const texts = metrics.map((metric, index) => metricText(metric, status?.currentMetrics?.[index]));
  const shown = texts.slice(0, 2).join(', ');
  return texts.length > 2 ? `${shown} + ${texts.length - 2} more...` : shown;
}

function metricText(metric: MetricSpec, status: MetricStatus | undefined): string {
  const { resource, containerResource } = metric;
  const named = resource ?? containerResource;
  if (named) {
    const current = (resource ? status?.resource : status?.containerResource)?.current;
    if (named.target.averageValue !== undefined)
      return `${named.name}: ${current?.averageValue ?? '<unknown>'}/${named.target.averageValue}`;
    return `${named.name}: ${share(current?.averageUtilization, '<unknown>')}/${share(named.target.averageUtilization, '<auto>')}`;
  }
  const source = metric.pods ?? metric.object ?? metric.external;
  const current = (status?.pods ?? status?.object ?? status?.external)?.current;
  return source ? valueText(source.target, current, metric.pods !== undefined) : '<unknown type>';
}

function share(value: number | undefined, fallback: string): string {
  return value === undefined ? fallback : `${value}%`;
}

function valueText(
  target: MetricTarget,
  current: { value?: string; averageValue?: string } | undefined,
  pods: boolean,
): string {
  if (target.averageValue !== undefined)
    return `${current?.averageValue ?? '<unknown>'}/${target.averageValue}${pods ? '' : ' (avg)'}`;
  return `${current?.value ?? '<unknown>'}/${target.value ?? ''}`;
}
