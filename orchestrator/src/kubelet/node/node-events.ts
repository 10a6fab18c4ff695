import type { EventRecorder, NodeStatus } from '@berth/kube';

/** What kubelet says when a condition becomes true or false (pkg/kubelet/nodestatus/setters.go). */
const words: Readonly<Record<string, { readonly True: string; readonly False: string }>> = {
  Ready: { True: 'NodeReady', False: 'NodeNotReady' },
  MemoryPressure: { True: 'NodeHasInsufficientMemory', False: 'NodeHasSufficientMemory' },
  DiskPressure: { True: 'NodeHasDiskPressure', False: 'NodeHasNoDiskPressure' },
  PIDPressure: { True: 'NodeHasInsufficientPID', False: 'NodeHasSufficientPID' },
};

/** The node as events of its kubelet name it: by its name, also where an id belongs, since it may not exist yet. */
export function nodeReference(name: string) {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, uid: name } };
}

/** Tells of every condition that is not as it was before. */
export function reportConditionChanges(
  events: EventRecorder,
  nodeName: string,
  { before, after }: { readonly before: NodeStatus; readonly after: NodeStatus },
): void {
  for (const { type, status } of after.conditions ?? []) {
    const reason = words[type]?.[status as 'True' | 'False'];
    if (!reason || before.conditions?.find((condition) => condition.type === type)?.status === status) continue;
    events.event(nodeReference(nodeName), 'Normal', reason, `Node ${nodeName} status is now: ${reason}`);
  }
}
