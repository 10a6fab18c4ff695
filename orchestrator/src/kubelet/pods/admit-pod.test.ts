import type { Node, Pod, PodSpec } from '@berth/kube';
import { expect, test } from 'vitest';
import { admitPod, type NodeRoom } from './admit-pod.ts';

const taints = [
  { key: 'dedicated', value: 'db', effect: 'NoExecute' },
  { key: 'soft', effect: 'PreferNoSchedule' },
  { key: 'hard', effect: 'NoSchedule' },
];
const room: NodeRoom = {
  cpuMilli: 2000,
  memoryBytes: 2 ** 30,
  ephemeralStorageBytes: 2 ** 30,
  pods: 3,
  node: { metadata: { name: 'node-1', labels: { disk: 'ssd' } }, spec: { taints } } as Node,
};
const tolerations = [{ key: 'dedicated', operator: 'Exists' }];
const port = (hostPort: number, hostIP?: string) => ({ containerPort: 80, hostPort, ...(hostIP ? { hostIP } : {}) });
const podOf = (spec: Partial<PodSpec>, container: object = {}): Pod => ({
  metadata: { name: 'p' },
  spec: { tolerations, containers: [{ name: 'c', image: 'i', ...container }], ...spec },
});
const other = podOf({}, { ports: [port(8080, '10.0.0.1')], resources: { requests: { cpu: '1500m' } } });

test.each([
  ['what fits', podOf({ nodeSelector: { disk: 'ssd' } }, { ports: [port(8081)] }), undefined],
  ['the same port of another address', podOf({}, { ports: [port(8080, '10.0.0.2')] }), undefined],
  ['a port of all addresses', podOf({}, { ports: [port(8080)] }), 'NodePorts'],
  ['another label', podOf({ nodeSelector: { disk: 'hdd' } }), 'NodeAffinity'],
  ['no toleration of what evicts', podOf({ tolerations: [] }), 'TaintToleration'],
  ['too much', podOf({ nodeSelector: { disk: 'hdd' } }, { resources: { requests: { cpu: '1' } } }), 'OutOfcpu'],
])('a kubelet looks at room, labels, ports and taints, in this order: %s', (_, pod, reason) => {
  expect(admitPod(pod, [other], room)?.reason).toBe(reason);
});

test('a rejection says which predicate failed', () => {
  expect(admitPod(podOf({ tolerations: [] }), [], room)).toEqual({
    reason: 'TaintToleration',
    message: "Pod was rejected: Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
    rejected: true,
  });
});

test.each([
  [podOf({ os: { name: 'linux' } }), undefined],
  [
    podOf({ os: { name: 'windows' } }),
    ['PodOSNotSupported', "Pod was rejected: Failed to admit pod as the OS field doesn't match node OS"],
  ],
  [
    { ...podOf({}), metadata: { name: 'p', labels: { 'kubernetes.io/os': 'windows' } } },
    [
      'PodOSSelectorNodeLabelDoesNotMatch',
      "Pod was rejected: Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    ],
  ],
])('a kubelet takes no pods of another system', (pod, why) => {
  const verdict = admitPod(pod, [], room);
  expect(verdict && [verdict.reason, verdict.message]).toEqual(why);
});

const sysctls = (name: string, spec: Partial<PodSpec> = {}) =>
  podOf({ securityContext: { sysctls: [{ name, value: '1' }] }, ...spec });

test.each([
  ['kernel.shm_rmid_forced', {}, undefined],
  ['net/ipv4/tcp_syncookies', {}, undefined],
  ['net.ipv4.tcp_syncookies', { hostIPC: true }, undefined],
  ['kernel.msgmax', {}, '"kernel.msgmax" not allowlisted'],
  ['net.ipv4.ip_forward', {}, '"net.ipv4.ip_forward" not allowlisted'],
  ['constructor', {}, '"constructor" not allowlisted'],
  ['net/ipv4/tcp_syncookies', { hostNetwork: true }, '"net.ipv4.tcp_syncookies" not allowed with host Net enabled'],
  ['kernel.shm_rmid_forced', { hostIPC: true }, '"kernel.shm_rmid_forced" not allowed with host IPC enabled'],
])('the sysctl %s of a pod with %j', (name, spec, why) => {
  const rejection = {
    reason: 'SysctlForbidden',
    message: `Pod was rejected: forbidden sysctl: ${why}`,
    rejected: true,
  };
  expect(admitPod(sysctls(name, spec), [], room)).toEqual(why && rejection);
});
