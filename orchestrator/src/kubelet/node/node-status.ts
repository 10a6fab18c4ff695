import { rfc3339 } from '@berth/kit';
import type { NodeCondition, NodeStatus } from '@berth/kube';
import { type MachineFacts, machineResources } from './machine-facts.ts';

export interface NodeStatusInput {
  /** Several nodes may share a machine: each goes by its own name, as with kubelet's --hostname-override. */
  readonly nodeName: string;
  readonly machine: MachineFacts;
  readonly addresses: readonly string[];
  readonly maxPods: number;
  /** Where the kubelet itself is to be had; absent where only its own process needs it. */
  readonly kubeletPort?: number;
  readonly version: string;
  /** `containerd://1.7.0` */
  readonly runtimeVersion: string;
  /** Conditions of the runtime that are false, as `Type: message`; empty when it is ready. */
  readonly runtimeProblems: readonly string[];
  readonly volumesInUse: readonly string[];
  readonly old: NodeStatus;
  readonly nowMs: number;
}

/** The status a kubelet reports of its node (pkg/kubelet/nodestatus/setters.go). */
export function nodeStatus(input: NodeStatusInput): NodeStatus {
  const { machine, addresses, kubeletPort, old } = input;
  // Resources that others advertise (example.com/dongles) stay, and are pods' to have.
  const capacity = { ...old.capacity, ...machineResources(machine), pods: String(input.maxPods) };
  return {
    ...old,
    addresses: [
      ...addresses.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: input.nodeName },
    ],
    ...(kubeletPort === undefined ? {} : { daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } } }),
    capacity,
    allocatable: capacity,
    conditions: conditions(input),
    nodeInfo: {
      machineID: machine.machineId,
      systemUUID: machine.systemUuid,
      bootID: machine.bootId,
      kernelVersion: machine.kernelVersion,
      osImage: machine.osImage,
      containerRuntimeVersion: input.runtimeVersion,
      kubeletVersion: input.version,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: machine.architecture,
    },
    volumesInUse: [...input.volumesInUse].sort(),
  };
}

function conditions({ runtimeProblems, old, nowMs }: NodeStatusInput): NodeCondition[] {
  const fine = (type: string, reason: string, message: string) => ({ type, status: 'False', reason, message });
  const ready =
    runtimeProblems.length === 0
      ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: runtimeProblems.join(', ') };
  const all = [
    fine('MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    fine('DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    fine('PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    ready,
  ];
  const others = (old.conditions ?? []).filter(({ type }) => !all.some((condition) => condition.type === type));
  const now = rfc3339(nowMs);
  return [
    ...others,
    ...all.map((condition) => {
      const before = old.conditions?.find(({ type }) => type === condition.type);
      const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
      return { ...condition, lastHeartbeatTime: now, lastTransitionTime: since ?? now };
    }),
  ];
}

/** True where two statuses say the same, apart from when they were said. */
export function sameNodeStatus(a: NodeStatus, b: NodeStatus): boolean {
  return comparable(a) === comparable(b);
}

function comparable(status: NodeStatus): string {
  const timeless = (status.conditions ?? []).map(({ lastHeartbeatTime: _, ...condition }) => condition);
  const { conditions: __, ...rest } = status;
  return stable({ ...rest, volumesInUse: rest.volumesInUse ?? [], conditions: timeless });
}

/** JSON with the keys in order. */
function stable(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
