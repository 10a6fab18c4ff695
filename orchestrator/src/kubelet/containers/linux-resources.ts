import { type Container, type Pod, Quantity } from '@berth/kube';
import type { cri, Init } from '@berth/protos';
import { containersOf, initContainersOf, isSidecar } from '../pods/pod-facts.ts';
import type { QosClass } from '../status/pod-qos.ts';
import type { CgroupLimits } from './pod-cgroups.ts';

/** The kernel's bounds of cpu.shares, and CFS' period and smallest quota (kubelet cm/helpers_linux.go). */
const minShares = 2;
const maxShares = 262_144;
const periodUs = 100_000;
const minQuotaUs = 1000;

export function cpuShares(milliCpu: number): number {
  if (milliCpu === 0) return minShares;
  return Math.min(maxShares, Math.max(minShares, Math.floor((milliCpu * 1024) / 1000)));
}

export function cpuQuotaUs(milliCpu: number): number {
  return milliCpu === 0 ? 0 : Math.max(minQuotaUs, Math.floor((milliCpu * periodUs) / 1000));
}

interface Amounts {
  readonly cpuRequest: number;
  readonly cpuLimit: number;
  readonly memoryRequest: number;
  readonly memoryLimit: number;
}

function amountsOf({ resources }: Pick<Container, 'resources'>): Amounts {
  const cpuLimit = milli(resources?.limits?.['cpu']);
  const memoryLimit = bytes(resources?.limits?.['memory']);
  return {
    cpuLimit,
    memoryLimit,
    // Only a missing request takes the limit: defaulting has done so already for objects from an API server.
    cpuRequest: resources?.requests?.['cpu'] === undefined ? cpuLimit : milli(resources.requests['cpu']),
    memoryRequest: resources?.requests?.['memory'] === undefined ? memoryLimit : bytes(resources.requests['memory']),
  };
}

/** A container's share and bounds of cpu and memory in CRI's terms (kuberuntime calculateLinuxResources). */
export function linuxResources(
  container: Container,
  qos: QosClass,
  nodeMemoryBytes: number,
): Init<cri.LinuxContainerResources> {
  const amounts = amountsOf(container);
  return {
    cpuShares: String(cpuShares(amounts.cpuRequest)),
    cpuPeriod: String(periodUs),
    cpuQuota: String(cpuQuotaUs(amounts.cpuLimit)),
    memoryLimitInBytes: String(amounts.memoryLimit),
    oomScoreAdj: String(oomScoreAdj(amounts, qos, nodeMemoryBytes)),
  };
}

/** Who is killed first when memory runs out (pkg/kubelet/qos/policy.go). */
function oomScoreAdj({ memoryRequest }: Amounts, qos: QosClass, nodeMemoryBytes: number): number {
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const score = 1000 - Math.floor((1000 * memoryRequest) / nodeMemoryBytes);
  // Between the guaranteed (below 3) and the best effort ones (1000).
  return Math.min(999, Math.max(3, score));
}

/** The pod's own cgroup: the sum of its containers, bounded where each of them is (cm.ResourceConfigForPod). */
export function podLimits(pod: Pod, qos: QosClass): CgroupLimits {
  const holders = pod.spec?.resources
    ? [{ resources: pod.spec.resources }]
    : [...containersOf(pod), ...initContainersOf(pod).filter(isSidecar)];
  const init = pod.spec?.resources
    ? []
    : initContainersOf(pod)
        .filter((spec) => !isSidecar(spec))
        .map(amountsOf);
  const main = holders.map(amountsOf);
  const total = (field: keyof Amounts) =>
    Math.max(
      main.reduce((sum, amounts) => sum + amounts[field], 0),
      ...init.map((amounts) => amounts[field]),
    );
  const bounded = (field: 'cpuLimit' | 'memoryLimit') => [...main, ...init].every((amounts) => amounts[field] > 0);
  return {
    cpuShares: qos === 'BestEffort' ? minShares : cpuShares(total('cpuRequest')),
    ...(qos !== 'BestEffort' && bounded('cpuLimit')
      ? { cpuQuotaUs: cpuQuotaUs(total('cpuLimit')), cpuPeriodUs: periodUs }
      : {}),
    ...(qos !== 'BestEffort' && bounded('memoryLimit') ? { memoryBytes: total('memoryLimit') } : {}),
  };
}

/** `<root>/kubepods[/burstable|/besteffort]/pod<uid>`: cgroupfs names of pkg/kubelet/cm. */
export function podCgroupPath(root: string, qos: QosClass, uid: string): string {
  const tier = qos === 'Guaranteed' ? '' : `/${qos.toLowerCase()}`;
  return `${root}/kubepods${tier}/pod${uid}`;
}

export function milli(quantity: string | undefined): number {
  return quantity === undefined ? 0 : Number(Quantity.parse(quantity).milliValue());
}

export function bytes(quantity: string | undefined): number {
  return quantity === undefined ? 0 : Number(Quantity.parse(quantity).value());
}
