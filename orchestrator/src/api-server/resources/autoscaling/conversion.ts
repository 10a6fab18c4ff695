import type { HorizontalPodAutoscaler as V1, AutoscalingV2HorizontalPodAutoscaler as V2 } from '@berth/kube';
import type { AnyObject } from '../../resource-definition.ts';

/** What autoscaling/v1 has no fields for travels in annotations, so that writing the older version loses nothing. */
const annotations = {
  metrics: 'autoscaling.alpha.kubernetes.io/metrics',
  behavior: 'autoscaling.alpha.kubernetes.io/behavior',
  conditions: 'autoscaling.alpha.kubernetes.io/conditions',
  currentMetrics: 'autoscaling.alpha.kubernetes.io/current-metrics',
} as const;

type Metrics = NonNullable<NonNullable<V2['spec']>['metrics']>;
type CurrentMetrics = NonNullable<NonNullable<V2['status']>['currentMetrics']>;

/** autoscaling/v1 → v2: the CPU target becomes one metric among others (apis/autoscaling/v1/conversion.go). */
export function toVersion2(object: AnyObject): AnyObject {
  const { spec, status, metadata } = structuredClone(object) as V1;
  const kept = { ...metadata.annotations };
  const { targetCPUUtilizationPercentage: target, ...common } = spec ?? {
    maxReplicas: 0,
    scaleTargetRef: { kind: '', name: '' },
  };
  const { currentCPUUtilizationPercentage: current, ...counts } = status ?? { currentReplicas: 0, desiredReplicas: 0 };
  const metrics: Metrics = [...cpuMetric(target), ...take<Metrics>(kept, annotations.metrics, [])];
  const currentMetrics: CurrentMetrics = [
    ...currentCpu(current),
    ...take<CurrentMetrics>(kept, annotations.currentMetrics, []),
  ];
  const behavior = take<NonNullable<V2['spec']>['behavior']>(kept, annotations.behavior, undefined);
  const conditions = take<NonNullable<V2['status']>['conditions']>(kept, annotations.conditions, undefined);
  const { annotations: _, ...rest } = metadata;
  return {
    ...object,
    apiVersion: 'autoscaling/v2',
    metadata: Object.keys(kept).length > 0 ? { ...rest, annotations: kept } : rest,
    spec: { ...common, ...(metrics.length > 0 ? { metrics } : {}), ...(behavior ? { behavior } : {}) },
    status: {
      ...counts,
      currentMetrics: currentMetrics.length > 0 ? currentMetrics : null,
      ...(conditions ? { conditions } : {}),
    },
  };
}

function cpuMetric(target: number | undefined): Metrics {
  if (target === undefined) return [];
  return [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: target } } }];
}

function currentCpu(current: number | undefined): CurrentMetrics {
  if (current === undefined) return [];
  return [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } }];
}

function take<T>(from: Record<string, string>, key: string, fallback: T): T {
  const text = from[key];
  delete from[key];
  if (text === undefined) return fallback;
  try {
    return JSON.parse(text) as T;
  } catch {
    return fallback;
  }
}

/** autoscaling/v2 → v1. */
export function toVersion1(object: AnyObject): AnyObject {
  const { spec, status, metadata } = structuredClone(object) as V2;
  const { metrics = [], behavior, ...common } = spec ?? { maxReplicas: 0, scaleTargetRef: { kind: '', name: '' } };
  const { currentMetrics, conditions, ...counts } = status ?? { desiredReplicas: 0 };
  const cpu = metrics.find(
    ({ resource }) => resource?.name === 'cpu' && resource.target.averageUtilization !== undefined,
  );
  const current = (currentMetrics ?? []).find(({ resource }) => resource?.name === 'cpu');
  const target = cpu?.resource?.target.averageUtilization;
  const utilization = current?.resource?.current.averageUtilization;
  const kept = {
    ...metadata.annotations,
    ...keep(
      annotations.metrics,
      metrics.filter((metric) => metric !== cpu),
    ),
    ...keep(
      annotations.currentMetrics,
      (currentMetrics ?? []).filter((metric) => metric !== current),
    ),
    ...keep(annotations.behavior, behavior),
    ...keep(annotations.conditions, conditions),
  };
  return {
    ...object,
    apiVersion: 'autoscaling/v1',
    metadata: Object.keys(kept).length > 0 ? { ...metadata, annotations: kept } : metadata,
    spec: { ...common, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    status: {
      currentReplicas: 0,
      ...counts,
      ...(utilization === undefined ? {} : { currentCPUUtilizationPercentage: utilization }),
    },
  };
}

function keep(key: string, value: unknown): Record<string, string> {
  const empty = value === undefined || (Array.isArray(value) && value.length === 0);
  return empty ? {} : { [key]: JSON.stringify(value) };
}
