import type { cri } from '@berth/protos';
import type { NodeContext } from '../../node-context.ts';
import { runningPods } from './running-pods.ts';

/** What a pod uses that has a container which runs. */
export interface SandboxStats {
  readonly sandbox: cri.PodSandbox;
  readonly linux: cri.LinuxPodSandboxStats | null;
  /** Those that run; what one uses is not known in its first moments. */
  readonly containers: readonly (cri.Container & { readonly stats: cri.ContainerStats | undefined })[];
  /** Of all its containers, of which alone runtimes tell (aggregatePodSwapStats). */
  readonly swap: cri.SwapUsage | null;
}

/** As the runtime tells now, what costs little (criStatsProvider's ListPodCPUAndMemoryStats). */
export async function sandboxStats(
  { options: { runtime } }: NodeContext,
  signal: AbortSignal,
): Promise<SandboxStats[]> {
  const [pods, { stats }] = await Promise.all([
    runningPods(runtime, signal),
    runtime.runtime.ListPodSandboxStats({ filter: null }, { signal }),
  ]);
  const byId = new Map(stats.map(({ attributes, linux }) => [attributes?.id, linux]));
  return pods.flatMap(({ sandbox, containers }) => {
    const linux = byId.get(sandbox.id);
    if (containers.length === 0 || linux === undefined) return [];
    const ofContainers = new Map(linux?.containers.map((each) => [each.attributes?.id, each]));
    const known = containers.map((each) => ({ ...each, stats: ofContainers.get(each.id) }));
    return [{ sandbox, linux, containers: known, swap: totalSwap(known.map((each) => each.stats?.swap)) }];
  });
}

function totalSwap(swaps: readonly (cri.SwapUsage | null | undefined)[]): cri.SwapUsage | null {
  const all = swaps.flatMap((swap) => swap ?? []);
  const [first] = all;
  const sum = (name: 'swapAvailableBytes' | 'swapUsageBytes') => {
    const known = all.flatMap(({ [name]: bytes }) => (bytes ? [Number(bytes.value)] : []));
    return known.length > 0 ? { value: String(known.reduce((total, bytes) => total + bytes, 0)) } : null;
  };
  if (!first) return null;
  return { ...first, swapAvailableBytes: sum('swapAvailableBytes'), swapUsageBytes: sum('swapUsageBytes') };
}
