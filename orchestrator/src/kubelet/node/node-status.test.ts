import { expect, test } from 'vitest';
import type { MachineFacts } from './machine-facts.ts';
import { nodeStatus } from './node-status.ts';

test('a node keeps what others advertise of it, and has it for pods', () => {
  const machine = { cpus: 4, memoryBytes: 2 ** 30, ephemeralStorageBytes: 2 ** 40 } as MachineFacts;
  const { capacity, allocatable } = nodeStatus({
    nodeName: 'n',
    machine,
    addresses: [],
    maxPods: 110,
    version: 'v1',
    runtimeVersion: 'x://1',
    runtimeProblems: [],
    volumesInUse: [],
    old: { capacity: { cpu: '2', 'example.com/dongle': '4' } },
    nowMs: 0,
  });
  const own = { cpu: '4', memory: '1048576Ki', 'ephemeral-storage': '1073741824Ki', pods: '110' };
  expect(capacity).toEqual({ ...own, 'example.com/dongle': '4' });
  expect(allocatable).toEqual(capacity);
});
