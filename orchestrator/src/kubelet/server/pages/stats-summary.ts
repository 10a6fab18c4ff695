import type { KubeletPageParts } from './kubelet-page.ts';
import { type NodeStats, nodeStats, nodeUsage } from './node-stats.ts';
import { type PodStats, podStats, podUsage } from './pod-stats.ts';

/** What the node and its pods use now (kubelet's /stats/summary, stats/v1alpha1). */
export interface Summary {
  readonly node: NodeStats;
  readonly pods: readonly PodStats[];
}

/** All that the kernel, the runtime and drivers of volumes say. */
export async function statsSummary(parts: KubeletPageParts, signal: AbortSignal): Promise<Summary> {
  const pods = parts.workers.list().map(({ state }) => state.pod);
  const [node, stats] = await Promise.all([nodeStats(parts, signal), podStats(parts.node, pods, signal)]);
  return { node, pods: stats };
}

/** CPU, memory and swap, which cost little. */
export async function usageSummary(parts: KubeletPageParts, signal: AbortSignal): Promise<Summary> {
  const [node, pods] = await Promise.all([nodeUsage(parts), podUsage(parts.node, signal)]);
  return { node, pods };
}
