import { expect, test } from 'vitest';
import type { AnyObject } from '../../resource-definition.ts';
import { toVersion1, toVersion2 } from './conversion.ts';

const annotation = (name: string) => `autoscaling.alpha.kubernetes.io/${name}`;
const scaleTargetRef = { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' };

function anAutoscaler(
  version: string,
  { annotations = {}, spec = {}, status = {} }: Record<string, object>,
): AnyObject {
  const counts = { currentReplicas: 1, desiredReplicas: 2 };
  return {
    apiVersion: `autoscaling/${version}`,
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'a', ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    spec: { maxReplicas: 3, scaleTargetRef, ...spec },
    status: { ...counts, ...status },
  } as AnyObject;
}

const cpu = (averageUtilization: number) => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});
const metrics = [
  {
    type: 'Object',
    object: {
      describedObject: { kind: 'Service', name: 's' },
      metric: { name: 'o' },
      target: { type: 'Value', value: '9' },
    },
  },
  {
    type: 'Pods',
    pods: {
      metric: { name: 'p<&>', selector: { matchLabels: { a: 'b' } } },
      target: { type: 'AverageValue', averageValue: '7' },
    },
  },
  { type: 'Resource', resource: { name: 'cpu', target: { type: 'AverageValue', averageValue: '1500m' } } },
  {
    type: 'ContainerResource',
    containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 33 } },
  },
  { type: 'External', external: { metric: { name: 'e' }, target: { type: 'AverageValue', averageValue: '11' } } },
];
const behavior = {
  scaleUp: { stabilizationWindowSeconds: 5, policies: [{ type: 'Pods', value: 1, periodSeconds: 15 }] },
};
const status = {
  conditions: [{ type: 'AbleToScale', status: 'True', lastTransitionTime: '2020-01-01T00:00:00Z', message: 'm < 1' }],
  currentMetrics: [
    { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 44, averageValue: '440m' } } },
    { type: 'External', external: { metric: { name: 'e' }, current: { averageValue: '11' } } },
  ],
};

/** Texts of a kube-apiserver of 1.36.3. */
test('the older version says in annotations, in its own form, what it has no fields for', () => {
  const shown = toVersion1(
    anAutoscaler('v2', { spec: { metrics: [cpu(55), ...metrics], behavior }, status, annotations: { x: 'y' } }),
  );
  expect(shown['spec']).toEqual({ maxReplicas: 3, scaleTargetRef, targetCPUUtilizationPercentage: 55 });
  expect(shown['status']).toEqual({ currentReplicas: 1, desiredReplicas: 2, currentCPUUtilizationPercentage: 44 });
  expect(shown.metadata.annotations).toEqual({
    x: 'y',
    [annotation('metrics')]: `[${[
      '{"type":"Object","object":{"target":{"kind":"Service","name":"s"},"metricName":"o","targetValue":"9"}}',
      String.raw`{"type":"Pods","pods":{"metricName":"p\u003c\u0026\u003e","targetAverageValue":"7","selector":{"matchLabels":{"a":"b"}}}}`,
      '{"type":"Resource","resource":{"name":"cpu","targetAverageValue":"1500m"}}',
      '{"type":"ContainerResource","containerResource":{"name":"cpu","targetAverageUtilization":33,"container":"c"}}',
      '{"type":"External","external":{"metricName":"e","targetAverageValue":"11"}}',
    ].join()}]`,
    [annotation('behavior')]:
      '{"ScaleUp":{"StabilizationWindowSeconds":5,"SelectPolicy":null,"Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":15}],"Tolerance":null},"ScaleDown":null}',
    [annotation('conditions')]:
      String.raw`[{"type":"AbleToScale","status":"True","lastTransitionTime":"2020-01-01T00:00:00Z","message":"m \u003c 1"}]`,
    [annotation('current-metrics')]: `[${[
      '{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":44,"currentAverageValue":"440m"}}',
      '{"type":"External","external":{"metricName":"e","currentValue":"0","currentAverageValue":"11"}}',
    ].join()}]`,
  });
  const back = toVersion2(shown);
  expect(back).toEqual(
    anAutoscaler('v2', { spec: { metrics: [...metrics, cpu(55)], behavior }, status, annotations: { x: 'y' } }),
  );
});

test.each([
  ['nothing', {}, {}, [cpu(80)]],
  ['a target', {}, { targetCPUUtilizationPercentage: 60 }, [cpu(60)]],
  ['what is no JSON', { [annotation('metrics')]: '[' }, {}, [cpu(80)]],
  ['another type', { [annotation('metrics')]: '[{"type":5}]' }, {}, [cpu(80)]],
  [
    'names in another case',
    { [annotation('metrics')]: '[{"TYPE":"Resource","Resource":{"NAME":"memory","targetaveragevalue":"1.5"}}]' },
    {},
    [{ type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1500m' } } }],
  ],
])('of %s in the older version upstream reads the metrics it reads', (_what, annotations, spec, expected) => {
  const read = toVersion2(anAutoscaler('v1', { annotations, spec }));
  expect(read['spec'].metrics).toEqual(expected);
  expect(read.metadata).toEqual({ name: 'a' });
});
