import type { Pod, PodSpec, PodStatus } from '@berth/kube';
import { expect, test } from 'vitest';
import { assumedPodRequests, podRequests } from './pod-requests.ts';

const container = (name: string, requests: Record<string, string>, more: object = {}) => ({
  name,
  image: 'i',
  resources: { requests },
  ...more,
});
const sidecar = { restartPolicy: 'Always' };
const podOf = (spec: Partial<PodSpec>, status: PodStatus = {}): Pod => ({
  metadata: { name: 'p' },
  spec: { containers: [], ...spec },
  status,
});
const resizing = (cpu: string, conditions: PodStatus['conditions'] = []): PodStatus => ({
  containerStatuses: [
    { name: 'c', resources: { requests: { cpu } }, allocatedResources: { cpu } },
  ] as unknown as NonNullable<PodStatus['containerStatuses']>,
  conditions,
});
const pending = (reason: string) => [{ type: 'PodResizePending', status: 'True', reason }];
const one = { containers: [container('c', { cpu: '2' })] };

test.each([
  [
    'containers together',
    podOf({ containers: [container('a', { cpu: '1' }), container('b', { cpu: '2' })] }),
    { cpu: 3000 },
  ],
  [
    'the largest init container, with the sidecars before it',
    podOf({
      containers: [container('a', { cpu: '1' })],
      initContainers: [
        container('s', { cpu: '1' }, sidecar),
        container('i', { cpu: '4' }),
        container('t', { cpu: '1' }, sidecar),
      ],
    }),
    { cpu: 5000 },
  ],
  ['overhead', podOf({ ...one, overhead: { cpu: '500m' } }), { cpu: 2500 }],
  [
    'what it asks for as a whole, of what can be asked for so',
    podOf({
      containers: [container('c', { cpu: '4', 'example.com/a': '1' })],
      resources: { requests: { cpu: '1', memory: '1Ki', 'hugepages-2Mi': '4Mi', 'example.com/a': '9' } },
      overhead: { cpu: '500m' },
    }),
    { cpu: 1500, memory: 1024, 'hugepages-2Mi': 4 * 2 ** 20, 'example.com/a': 1 },
  ],
  ['more, while it grows', podOf(one, resizing('1')), { cpu: 2000 }],
  ['as much as it has, while it shrinks', podOf(one, resizing('3')), { cpu: 3000 }],
  ['what it waits for', podOf(one, resizing('1', pending('Deferred'))), { cpu: 2000 }],
  ['not what it can never have', podOf(one, resizing('1', pending('Infeasible'))), { cpu: 1000 }],
  [
    'as a whole, while that shrinks',
    podOf(
      { resources: { requests: { cpu: '1' } } },
      { resources: { requests: { cpu: '3' } }, allocatedResources: { cpu: '2' } },
    ),
    { cpu: 3000 },
  ],
])('a pod takes of its node: %s', (_, pod, requests) => {
  expect(podRequests(pod)).toEqual(requests);
});

test('a container that asks for nothing weighs something all the same when nodes are compared', () => {
  const pod = podOf({ containers: [container('a', { cpu: '1' }), container('b', {})] });
  expect(assumedPodRequests(pod)).toEqual({ cpu: 1100, memory: 2 * 200 * 2 ** 20 });
});
