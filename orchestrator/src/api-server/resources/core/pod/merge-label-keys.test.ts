import type { PodSpec } from '@berth/kube';
import { expect, test } from 'vitest';
import { mergeLabelKeys } from './merge-label-keys.ts';

test('the values of a pod’s labels become part of the selectors that name their keys', () => {
  const term = () => ({
    topologyKey: 'zone',
    labelSelector: { matchLabels: { app: 'x' } },
    matchLabelKeys: ['version', 'absent', 'constructor'],
    mismatchLabelKeys: ['tenant'],
  });
  const spec = {
    containers: [],
    affinity: {
      podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term()] },
      podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term() }] },
    },
    topologySpreadConstraints: [
      { ...term(), maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' },
      { maxSkew: 1, topologyKey: 'host', whenUnsatisfiable: 'DoNotSchedule', matchLabelKeys: ['version'] },
    ],
  } satisfies PodSpec;
  const [constraint, without] = spec.topologySpreadConstraints;
  mergeLabelKeys(spec, { version: '2', tenant: 't', other: 'o' });
  const version = { key: 'version', operator: 'In', values: ['2'] };
  const tenant = { key: 'tenant', operator: 'NotIn', values: ['t'] };
  const { podAffinity, podAntiAffinity } = spec.affinity;
  expect(podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]?.labelSelector).toEqual({
    matchLabels: { app: 'x' },
    matchExpressions: [version, tenant],
  });
  expect(
    podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]?.podAffinityTerm.labelSelector,
  ).toMatchObject({ matchExpressions: [version, tenant] });
  expect(constraint).toMatchObject({ labelSelector: { matchExpressions: [version] } });
  expect(without).not.toHaveProperty('labelSelector');
});
