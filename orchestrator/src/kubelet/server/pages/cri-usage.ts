import { rfc3339 } from '@berth/kit';
import type { cri } from '@berth/protos';

export interface CpuStats {
  readonly time: string;
  readonly usageNanoCores?: number;
  readonly usageCoreNanoSeconds?: number;
}

export interface MemoryStats {
  readonly time: string;
  readonly availableBytes?: number;
  readonly usageBytes?: number;
  readonly workingSetBytes?: number;
  readonly rssBytes?: number;
  readonly pageFaults?: number;
  readonly majorPageFaults?: number;
}

export interface SwapStats {
  readonly time: string;
  readonly swapAvailableBytes?: number;
  readonly swapUsageBytes?: number;
}

/** What a container, a pod or a node uses (stats/v1alpha1). */
export interface Usage {
  readonly cpu?: CpuStats;
  readonly memory?: MemoryStats;
  readonly swap?: SwapStats;
}

export interface InterfaceStats {
  readonly name?: string;
  readonly rxBytes?: number;
  readonly rxErrors?: number;
  readonly txBytes?: number;
  readonly txErrors?: number;
}

export interface NetworkStats extends InterfaceStats {
  readonly time: string;
  readonly interfaces: readonly InterfaceStats[];
}

/** As a runtime tells it; what it does not tell is absent. */
export function usage(from: Partial<Pick<cri.ContainerStats, 'cpu' | 'memory' | 'swap'>> | null | undefined): Usage {
  const { cpu, memory, swap } = from ?? {};
  return {
    ...(cpu && { cpu: { time: timeOf(cpu.timestamp), ...numbers(cpu, ['usageNanoCores', 'usageCoreNanoSeconds']) } }),
    ...(memory && { memory: { time: timeOf(memory.timestamp), ...numbers(memory, memoryNames) } }),
    ...(swap && { swap: { time: timeOf(swap.timestamp), ...numbers(swap, ['swapAvailableBytes', 'swapUsageBytes']) } }),
  };
}

const memoryNames = [
  'availableBytes',
  'usageBytes',
  'workingSetBytes',
  'rssBytes',
  'pageFaults',
  'majorPageFaults',
] as const;
const interfaceNames = ['rxBytes', 'rxErrors', 'txBytes', 'txErrors'] as const;

export function network(from: cri.NetworkUsage | null | undefined): NetworkStats | undefined {
  if (!from) return undefined;
  const one = (each: cri.NetworkInterfaceUsage) => ({ name: each.name, ...numbers(each, interfaceNames) });
  const { timestamp, defaultInterface, interfaces } = from;
  return {
    time: timeOf(timestamp),
    // Upstream's name is no pointer: it is always there.
    name: '',
    ...(defaultInterface && one(defaultInterface)),
    interfaces: interfaces.map(one),
  };
}

function numbers<K extends string>(from: Readonly<Record<K, cri.UInt64Value | null>>, names: readonly K[]) {
  const known = names.flatMap((name) => (from[name] ? [[name, Number(from[name].value)]] : []));
  return Object.fromEntries(known) as Partial<Record<K, number>>;
}

export function timeOf(nanoseconds: string): string {
  return rfc3339(Number(nanoseconds) / 1e6);
}
