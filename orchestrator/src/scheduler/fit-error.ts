import type { Reasons } from './filters.ts';

/**
 * `0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. preemption: …`: kube-scheduler's FitError,
 * reasons counted over nodes and sorted as text.
 */
export function fitErrorMessage(nodes: number, refusals: Iterable<Reasons>): string {
  if (nodes === 0) return 'no nodes available to schedule pods';
  const counts = new Map<string, number>();
  let refused = 0;
  for (const reasons of refusals) {
    refused++;
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const sentence = [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
  const preemption = `preemption: 0/${nodes} nodes are available: ${refused} Preemption is not helpful for scheduling.`;
  return `0/${nodes} nodes are available: ${sentence}. ${preemption}`;
}

/** A reason that holds for every node (a missing claim); upstream ends it with its preemption's answer, "not found". */
export function preFilterMessage(nodes: number, reason: string): string {
  return `0/${nodes} nodes are available: ${reason}. not found`;
}
