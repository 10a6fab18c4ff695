import type { Pod } from '@berth/kube';
import type { NodeContext } from '../../node-context.ts';
import { uidOf } from '../../pods/pod-facts.ts';
import { type NetworkStats, network, timeOf, type Usage, usage } from './cri-usage.ts';
import { type ContainerFiles, containerFiles, type PodFiles, podFiles } from './pod-files.ts';
import { type SandboxStats, sandboxStats } from './sandbox-stats.ts';

export interface ContainerStats extends Usage, ContainerFiles {
  readonly name: string;
  /** When it was made. */
  readonly startTime: string;
}

export interface PodStats extends Usage, PodFiles {
  readonly podRef: { readonly name: string; readonly namespace: string; readonly uid: string };
  /** When its sandbox was made. */
  readonly startTime: string;
  readonly containers: readonly ContainerStats[];
  readonly network?: NetworkStats;
  readonly process_stats?: { readonly process_count: number };
}

/** CPU, memory and swap of the pods that have a container which runs. */
export async function podUsage(node: NodeContext, signal: AbortSignal): Promise<PodStats[]> {
  return (await sandboxStats(node, signal)).map(statsOf);
}

/** The same, with traffic, processes, and what files and volumes take, for which all of them are looked at (ListPodStats). */
export async function podStats(node: NodeContext, pods: readonly Pod[], signal: AbortSignal): Promise<PodStats[]> {
  const { runtime } = node.options.runtime;
  const [found, { stats }] = await Promise.all([
    sandboxStats(node, signal),
    runtime.ListContainerStats({ filter: null }, { signal }),
  ]);
  const layers = new Map(stats.map((each) => [each.attributes?.id, each.writableLayer]));
  return Promise.all(
    found.map(async (each) => {
      const { linux, containers, sandbox } = each;
      const bare = { ...statsOf(each), ...trafficOf(linux) };
      const pod = pods.find((one) => uidOf(one) === sandbox.metadata?.uid);
      if (!pod) return bare;
      const files = await Promise.all(
        containers.map(({ id, metadata }) =>
          containerFiles(node, pod, { name: metadata?.name ?? '', layer: layers.get(id) ?? null }),
        ),
      );
      const full = bare.containers.map((container, i) => ({ ...container, ...files[i] }));
      return { ...bare, containers: full, ...(await podFiles(node, { pod, containers: files }, signal)) };
    }),
  );
}

function trafficOf(linux: SandboxStats['linux']): Pick<PodStats, 'network' | 'process_stats'> {
  const traffic = network(linux?.network);
  const processes = linux?.process?.processCount;
  return {
    ...(traffic && { network: traffic }),
    ...(processes ? { process_stats: { process_count: Number(processes.value) } } : {}),
  };
}

function statsOf({ sandbox, linux, containers, swap }: SandboxStats): PodStats {
  const { name = '', namespace = '', uid = '' } = sandbox.metadata ?? {};
  return {
    podRef: { name, namespace, uid },
    startTime: timeOf(sandbox.createdAt),
    containers: containers.map(({ metadata, createdAt, stats }) => ({
      name: metadata?.name ?? '',
      startTime: timeOf(createdAt),
      ...usage(stats),
    })),
    ...usage({ ...linux, swap }),
  };
}
