import type { Pod } from '@berth/kube';
import { matchesNodeSelectorTerm } from '../node-selector.ts';
import { tolerates } from '../pod-placement.ts';
import type { NodeInfo } from './node-info.ts';
import { assumedPodRequests } from './pod-requests.ts';

/**
 * How well a node suits, higher is better: emptier after the pod (LeastAllocated), evenly used (BalancedAllocation),
 * preferred node affinity, fewer PreferNoSchedule taints; with the weights of kube-scheduler's default profile.
 */
export function score(pod: Pod, info: NodeInfo): number {
  const after = fractions(pod, info);
  const least = after.reduce((sum, used) => sum + (1 - used), 0) / after.length;
  const mean = after.reduce((sum, used) => sum + used, 0) / after.length;
  const deviation = Math.sqrt(after.reduce((sum, used) => sum + (used - mean) ** 2, 0) / after.length);
  return least * 100 + (1 - deviation) * 100 + 2 * affinity(pod, info) - 3 * 100 * taints(pod, info);
}

function fractions(pod: Pod, info: NodeInfo): number[] {
  const own = assumedPodRequests(pod);
  return ['cpu', 'memory'].map((name) => {
    const room = info.allocatable[name] ?? 0;
    return room <= 0 ? 1 : Math.min(1, ((info.assumedRequested[name] ?? 0) + (own[name] ?? 0)) / room);
  });
}

/** Weights of the preferred terms that match, as a share of all, in 0…100. */
function affinity(pod: Pod, { node }: NodeInfo): number {
  const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const total = preferred.reduce((sum, { weight }) => sum + weight, 0);
  if (!node || total === 0) return 0;
  const met = preferred.filter(({ preference }) => matchesNodeSelectorTerm(preference, node));
  return (100 * met.reduce((sum, { weight }) => sum + weight, 0)) / total;
}

function taints(pod: Pod, { node }: NodeInfo): number {
  const soft = (node?.spec?.taints ?? []).filter(({ effect }) => effect === 'PreferNoSchedule');
  return soft.filter((taint) => !tolerates(pod.spec?.tolerations, taint)).length;
}
