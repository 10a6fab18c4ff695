import { expect, test } from 'vitest';
import type { AnyObject } from '../resource-definition.ts';
import { warningsOf } from './warnings.ts';

const spec = (container: object, more: object = {}) => ({
  containers: [{ name: 'c', image: 'i', ...container }],
  ...more,
});
const duplicate = [
  { name: 'A', value: '1' },
  { name: 'A', value: '2' },
];
const claim = { resources: { requests: { storage: '1.5' } } };

const rows: readonly (readonly [about: string, kind: string, object: object, warnings: readonly string[]])[] = [
  ['nothing odd', 'Pod', { spec: spec({}) }, []],
  [
    'an environment variable given twice',
    'Pod',
    { spec: spec({ env: duplicate }) },
    ['spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply'],
  ],
  [
    'a port given twice in a template',
    'Deployment',
    { spec: { template: { spec: spec({ ports: [{ containerPort: 80 }, { containerPort: 80 }] }) } } },
    [
      'spec.template.spec.containers[0].ports[1]: duplicate port definition with spec.template.spec.containers[0].ports[0]',
    ],
  ],
  [
    'an old node label',
    'Pod',
    { spec: spec({}, { nodeSelector: { 'beta.kubernetes.io/os': 'linux' } }) },
    ['spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'],
  ],
  [
    'half a byte of memory',
    'Pod',
    { spec: spec({ resources: { requests: { memory: '100m' } } }) },
    ['spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer'],
  ],
  [
    'half a byte in a claim template',
    'StatefulSet',
    { spec: { volumeClaimTemplates: [{ spec: claim }] } },
    [
      'spec.volumeClaimTemplates[0].resources.requests[storage]: fractional byte value "1.5" is invalid, must be an integer',
    ],
  ],
  [
    'whole bytes in a fraction of Ki',
    'PersistentVolumeClaim',
    { spec: { resources: { requests: { storage: '0.5Ki' } } } },
    [],
  ],
  [
    'a volume to be recycled',
    'PersistentVolume',
    { spec: { persistentVolumeReclaimPolicy: 'Recycle' } },
    [
      'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
    ],
  ],
  [
    'a headless Service with affinity',
    'Service',
    { spec: { type: 'ClusterIP', clusterIP: 'None', sessionAffinity: 'ClientIP' } },
    ['spec.SessionAffinity is ignored for headless services'],
  ],
  [
    'a name that is long and has dots',
    'ReplicationController',
    { metadata: { name: `${'a'.repeat(63)}.b` } },
    [
      'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must be no more than 63 characters must not contain dots]',
    ],
  ],
  ['a kind without warnings', 'ConfigMap', {}, []],
];

test.each(rows)('a warning is given for: %s', (_, kind, object, warnings) => {
  expect(warningsOf(kind)?.({ metadata: { name: 'n' }, ...object } as AnyObject) ?? []).toEqual(warnings);
});

test('of many ports and files, so many are compared as headers can tell of', () => {
  const times = <T>(value: T) => Array.from({ length: 5000 }, () => value);
  const volumes = [{ name: 'v', configMap: { name: 'm', items: times({ key: 'k', path: 'same' }) } }];
  const pod = { metadata: { name: 'n' }, spec: spec({ ports: times({ containerPort: 80 }) }, { volumes }) };
  const told = warningsOf('Pod')?.(pod as AnyObject) ?? [];
  expect(told.filter((text) => text.includes('duplicate port definition'))).toHaveLength(10_000);
  expect(told.filter((text) => text.includes('overlapping paths'))).toHaveLength(12_500);
});

test('an ingress is warned of its class as an annotation when it is made, not when it changes (ingress strategy)', () => {
  const ingress = { metadata: { annotations: { 'kubernetes.io/ingress.class': 'c' } }, spec: {} } as never;
  expect(warningsOf('Ingress')?.(ingress)).toHaveLength(1);
  expect(warningsOf('Ingress')?.(ingress, ingress)).toEqual([]);
});

test('a service account is warned of its annotation as it comes, not as long as it stays (serviceaccount strategy)', () => {
  const account = { metadata: { annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } } } as never;
  expect(warningsOf('ServiceAccount')?.(account)).toEqual([
    'metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets',
  ]);
  expect(warningsOf('ServiceAccount')?.(account, { metadata: {} } as never)).toHaveLength(1);
  expect(warningsOf('ServiceAccount')?.(account, account)).toEqual([]);
});
