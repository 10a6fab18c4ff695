import type { Pod } from '@berth/kube';
import { podPath, type TestNode } from './test-node.ts';

export const waitingReason = (node: TestNode, name = 'p1') =>
  node.pod(name)?.status?.containerStatuses?.[0]?.state?.waiting?.reason;
export const isRunning = (node: TestNode, name = 'p1') => node.pod(name)?.status?.phase === 'Running';

export function remove(node: TestNode, name: string, graceSeconds: number): void {
  const pod = node.pod(name) as Pod;
  const deletionTimestamp = new Date(node.clock.now()).toISOString();
  const metadata = { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds };
  node.api.put(podPath(name), { ...pod, metadata });
}
