import type {
  HorizontalPodAutoscalerBehavior as Behavior,
  HPAScalingRules,
  HorizontalPodAutoscaler as V1,
  AutoscalingV2HorizontalPodAutoscaler as V2,
} from '@berth/kube';
import type { AnyObject } from '../../resource-definition.ts';
import { goJson, inOrder } from '../field.ts';
import { listOf, newMetrics, oldMetrics, readAs } from './old-metrics.ts';

/** What autoscaling/v1 has no fields for travels in annotations, so that writing the older version loses nothing. */
const annotation = (name: string) => `autoscaling.alpha.kubernetes.io/${name}`;
const ofMetrics = annotation('metrics');
const ofBehavior = annotation('behavior');
const ofConditions = annotation('conditions');
const ofCurrentMetrics = annotation('current-metrics');
const ofTolerances = [annotation('scale-down-tolerance'), annotation('scale-up-tolerance')];

/** The annotations that stand for what the main endpoint writes, and those for the status. */
export const specAnnotations = [ofMetrics, ofBehavior];
export const statusAnnotations = [ofConditions, ofCurrentMetrics];
const all = [...specAnnotations, ...statusAnnotations, ...ofTolerances];

type Metrics = NonNullable<NonNullable<V2['spec']>['metrics']>;
type CurrentMetrics = NonNullable<NonNullable<V2['status']>['currentMetrics']>;
type Conditions = NonNullable<NonNullable<V2['status']>['conditions']>;
type Annotations = Record<string, string>;

const noSpec = { maxReplicas: 0, scaleTargetRef: { kind: '', name: '' } };

/** autoscaling/v1 → v2: the CPU target becomes one metric among others (apis/autoscaling/v1/conversion.go). */
export function toVersion2(object: AnyObject): AnyObject {
  const { spec, status, metadata } = structuredClone(object) as V1;
  const { targetCPUUtilizationPercentage: target, ...common } = spec ?? noSpec;
  const { currentCPUUtilizationPercentage: current, ...counts } = status ?? { currentReplicas: 0, desiredReplicas: 0 };
  const sent = metadata.annotations ?? {};
  const others = read(sent[ofMetrics], (text) => newMetrics(text, 'sources') as unknown as Metrics) ?? [];
  const metrics = [...others, ...(target === undefined ? [] : cpuMetric(target))];
  const behavior = read(sent[ofBehavior], readBehavior);
  const told = read(sent[ofCurrentMetrics], (text) => newMetrics(text, 'statuses') as unknown as CurrentMetrics);
  const currentMetrics = told ?? currentCpu(current);
  const { currentReplicas, ...otherCounts } = counts;
  const conditions = read(sent[ofConditions], readConditions);
  return {
    ...object,
    apiVersion: 'autoscaling/v2',
    metadata: withAnnotations(metadata, sent),
    spec: { ...common, metrics: metrics.length > 0 ? metrics : cpuMetric(usualTarget), ...(behavior && { behavior }) },
    status: {
      ...(currentReplicas ? { currentReplicas } : {}),
      ...otherCounts,
      currentMetrics: currentMetrics.length > 0 ? currentMetrics : null,
      ...(conditions?.length ? { conditions } : {}),
    },
  };
}

/** Of those who name no metric. */
const usualTarget = 80;

function cpuMetric(target: number): Metrics {
  return [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: target } } }];
}

function currentCpu(current: number | undefined): CurrentMetrics {
  if (current === undefined) return [];
  return [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } }];
}

/** What cannot be read is as if it were not there. */
function read<T>(text: string | undefined, as: (text: string) => T): T | undefined {
  if (text === undefined) return undefined;
  try {
    return as(text);
  } catch {
    return undefined;
  }
}

function readBehavior(text: string): Behavior | undefined {
  const behavior = readAs('io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior', JSON.parse(text)) as Behavior;
  return behavior.scaleUp || behavior.scaleDown ? behavior : undefined;
}

function readConditions(text: string): Conditions {
  const schema = 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerCondition';
  return listOf(text).map((item) => ({ lastTransitionTime: null, ...readAs(schema, item) })) as unknown as Conditions;
}

/** The metadata without the annotations that stand for fields, and with those given. */
function withAnnotations(
  metadata: V1['metadata'],
  sent: Annotations = {},
  more: Annotations = {},
): AnyObject['metadata'] {
  const { annotations: _, ...rest } = metadata;
  const own = Object.entries(sent).filter(([name]) => !all.includes(name));
  const annotations = { ...Object.fromEntries(own), ...more };
  return Object.keys(annotations).length > 0 ? { ...rest, annotations: inOrder(annotations) as Annotations } : rest;
}

/** Leaves out of a v2 object the annotations that stand for its own fields. */
export function dropAnnotations(object: AnyObject, names: readonly string[] = all): void {
  const { annotations } = object.metadata;
  if (!annotations || !names.some((name) => name in annotations)) return;
  for (const name of names) delete annotations[name];
  if (Object.keys(annotations).length === 0) delete object.metadata.annotations;
}

/** Of what an endpoint does not write a v1 object keeps what it had. */
export function keepAnnotations(next: AnyObject, old: AnyObject, names: readonly string[]): void {
  dropAnnotations(next, names);
  const had = Object.entries(old.metadata.annotations ?? {}).filter(([name]) => names.includes(name));
  if (had.length > 0) next.metadata.annotations = { ...next.metadata.annotations, ...Object.fromEntries(had) };
}

/** autoscaling/v2 → v1. */
export function toVersion1(object: AnyObject): AnyObject {
  const { spec, status, metadata } = structuredClone(object) as V2;
  const { metrics: given, behavior, ...common } = spec ?? noSpec;
  const { currentMetrics: told, conditions, ...counts } = status ?? { desiredReplicas: 0 };
  const [metrics, currentMetrics] = [given ?? [], told ?? []];
  const target = metrics.find(isCpu)?.resource?.target.averageUtilization;
  const current = currentMetrics.findLast(isCurrentCpu)?.resource?.current.averageUtilization;
  const others = metrics.filter((metric) => !isCpu(metric));
  const kept = {
    ...(others.length > 0 ? { [ofMetrics]: oldMetrics(others, 'sources') } : {}),
    ...(currentMetrics.length > 0 ? { [ofCurrentMetrics]: oldMetrics(currentMetrics, 'statuses') } : {}),
    ...(behavior ? { [ofBehavior]: oldBehavior(behavior) } : {}),
    ...(conditions?.length ? { [ofConditions]: oldConditions(conditions) } : {}),
  };
  return {
    ...object,
    apiVersion: 'autoscaling/v1',
    metadata: withAnnotations(metadata, metadata.annotations, kept),
    spec: { ...common, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    status: {
      currentReplicas: 0,
      ...counts,
      ...(current === undefined ? {} : { currentCPUUtilizationPercentage: current }),
    },
  };
}

function isCpu({ type, resource }: Metrics[number]): boolean {
  return type === 'Resource' && resource?.name === 'cpu' && resource.target.averageUtilization !== undefined;
}

function isCurrentCpu({ type, resource }: CurrentMetrics[number]): boolean {
  return type === 'Resource' && resource?.name === 'cpu' && resource.current.averageUtilization !== undefined;
}

/** Upstream writes the fields of its unversioned type. */
function oldBehavior({ scaleUp, scaleDown }: Behavior): string {
  return goJson({ ScaleUp: oldRules(scaleUp), ScaleDown: oldRules(scaleDown) });
}

function oldRules(rules: HPAScalingRules | undefined): object | null {
  if (!rules) return null;
  const { stabilizationWindowSeconds, selectPolicy, policies, tolerance } = rules;
  return {
    StabilizationWindowSeconds: stabilizationWindowSeconds ?? null,
    SelectPolicy: selectPolicy ?? null,
    Policies:
      policies?.map(({ type, value, periodSeconds }) => ({ Type: type, Value: value, PeriodSeconds: periodSeconds })) ??
      null,
    Tolerance: tolerance ?? null,
  };
}

function oldConditions(conditions: Conditions): string {
  return goJson(
    conditions.map(({ type, status, lastTransitionTime, reason, message }) => ({
      type,
      status,
      lastTransitionTime: lastTransitionTime ?? null,
      ...(reason ? { reason } : {}),
      ...(message ? { message } : {}),
    })),
  );
}
