import type { Node, Pod } from '@berth/kube';
import { hasFreePorts, matchesAffinity, tolerates } from '../../pod-placement.ts';
import { bytes, milli } from '../containers/linux-resources.ts';
import type { PodVerdict } from '../status/pod-status.ts';
import { admitSysctls } from './admit-sysctls.ts';
import { containersOf, initContainersOf, isSidecar } from './pod-facts.ts';

export interface NodeRoom {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
  readonly pods: number;
  /** As the API has it by now. */
  readonly node: Node;
}

type Resource = 'cpu' | 'memory' | 'ephemeral-storage';
const counted: readonly Resource[] = ['cpu', 'memory', 'ephemeral-storage'];

/**
 * Whether a pod that was bound to this node fits it; the scheduler's view may have been old
 * (kubelet/lifecycle/predicate.go over the scheduler's AdmissionCheck).
 */
export function admitPod(pod: Pod, others: readonly Pod[], room: NodeRoom): PodVerdict | undefined {
  const forbidden = admitSysctls(pod);
  if (forbidden) return forbidden;
  const foreign = ofAnotherSystem(pod);
  if (foreign) return foreign;
  if (others.length + 1 > room.pods) {
    return outOf('pods', { requested: 1, used: others.length, capacity: room.pods });
  }
  for (const resource of counted) {
    const requested = requestOf(pod, resource);
    const used = others.reduce((sum, other) => sum + requestOf(other, resource), 0);
    const capacity = capacityOf(room, resource);
    if (requested > 0 && requested + used > capacity) return outOf(resource, { requested, used, capacity });
  }
  if (!matchesAffinity(pod, room.node)) return failed('NodeAffinity', "didn't match Pod's node affinity/selector");
  if (!hasFreePorts(pod, others)) return failed('NodePorts', "didn't have free ports for the requested pod ports");
  const evicting = (room.node.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
  if (evicting.every((taint) => tolerates(pod.spec?.tolerations, taint))) return undefined;
  return failed('TaintToleration', "had taints that the pod didn't tolerate");
}

/** Pods for Windows do not run here: the API server would not even take their containers' status. */
function ofAnotherSystem({ metadata, spec }: Pod): PodVerdict | undefined {
  const rejected = (reason: string, why: string): PodVerdict => ({
    reason,
    message: `Pod was rejected: Failed to admit pod as the ${why}`,
    rejected: true,
  });
  if ((metadata.labels?.['kubernetes.io/os'] ?? 'linux') !== 'linux')
    return rejected('PodOSSelectorNodeLabelDoesNotMatch', "`kubernetes.io/os` label doesn't match node label");
  if ((spec?.os?.name ?? 'linux') !== 'linux') return rejected('PodOSNotSupported', "OS field doesn't match node OS");
  return undefined;
}

function failed(predicate: string, why: string): PodVerdict {
  return {
    reason: predicate,
    message: `Pod was rejected: Predicate ${predicate} failed: node(s) ${why}`,
    rejected: true,
  };
}

function outOf(resource: string, { requested, used, capacity }: { requested: number; used: number; capacity: number }) {
  const numbers = `requested: ${requested}, used: ${used}, capacity: ${capacity}`;
  return {
    reason: `OutOf${resource}`,
    message: `Pod was rejected: Node didn't have enough resource: ${resource}, ${numbers}`,
    rejected: true,
  };
}

function capacityOf(room: NodeRoom, resource: Resource): number {
  return { cpu: room.cpuMilli, memory: room.memoryBytes, 'ephemeral-storage': room.ephemeralStorageBytes }[resource];
}

/** Containers and sidecars together, or the largest init container with the sidecars before it (resource.PodRequests). */
export function requestOf(pod: Pod, resource: Resource): number {
  const amount = (quantity: string | undefined) => (resource === 'cpu' ? milli(quantity) : bytes(quantity));
  let sidecars = 0;
  let init = 0;
  for (const spec of initContainersOf(pod)) {
    const own = amount(spec.resources?.requests?.[resource]);
    if (isSidecar(spec)) sidecars += own;
    init = Math.max(init, isSidecar(spec) ? sidecars : sidecars + own);
  }
  const main = containersOf(pod).reduce((sum, spec) => sum + amount(spec.resources?.requests?.[resource]), sidecars);
  const whole = pod.spec?.resources?.requests?.[resource];
  return (whole === undefined ? Math.max(main, init) : amount(whole)) + amount(pod.spec?.overhead?.[resource]);
}
