import { rfc3339 } from '@berth/kit';
import type { cri } from '@berth/protos';
import type { Pressure } from '../../../runtime/pressure.ts';

export interface CpuStats {
  readonly time: string;
  readonly usageNanoCores?: number;
  readonly usageCoreNanoSeconds?: number;
  readonly psi?: Pressure;
}

export interface MemoryStats {
  readonly time: string;
  readonly availableBytes?: number;
  readonly usageBytes?: number;
  readonly workingSetBytes?: number;
  readonly rssBytes?: number;
  readonly pageFaults?: number;
  readonly majorPageFaults?: number;
  readonly psi?: Pressure;
}

export interface IoStats {
  readonly time: string;
  readonly psi?: Pressure;
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
  readonly io?: IoStats;
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
export function usage(
  from: Partial<Pick<cri.ContainerStats, 'cpu' | 'memory' | 'swap' | 'io'>> | null | undefined,
): Usage {
  const { cpu, memory, swap, io } = from ?? {};
  return {
    ...(cpu && {
      cpu: { time: timeOf(cpu.timestamp), ...numbers(cpu, ['usageNanoCores', 'usageCoreNanoSeconds']), ...psiOf(cpu) },
    }),
    ...(memory && { memory: { time: timeOf(memory.timestamp), ...numbers(memory, memoryNames), ...psiOf(memory) } }),
    ...(swap && { swap: { time: timeOf(swap.timestamp), ...numbers(swap, ['swapAvailableBytes', 'swapUsageBytes']) } }),
    ...(io && { io: { time: timeOf(io.timestamp), ...psiOf(io) } }),
  };
}

/** As the runtime tells it (makePSIStats); what it leaves out is nothing. */
function psiOf({ psi }: { readonly psi?: cri.PsiStats | null }): { readonly psi?: Pressure } {
  if (!psi) return {};
  const data = (from: cri.PsiData | null) => ({
    total: Number(from?.Total ?? 0),
    ...{ avg10: from?.Avg10 ?? 0, avg60: from?.Avg60 ?? 0, avg300: from?.Avg300 ?? 0 },
  });
  return { psi: { full: data(psi.Full), some: data(psi.Some) } };
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
