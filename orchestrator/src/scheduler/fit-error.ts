import type { Reasons } from './filters.ts';
import type { NodeInfo } from './node-info.ts';
import type { Resources } from './pod-requests.ts';

/** Why one node was refused. */
export interface Refusal {
  readonly reasons: Reasons;
  /** Other pods could make room by going (Unschedulable, not UnschedulableAndUnresolvable). */
  readonly byPods: boolean;
}

/** Reasons that lie in the pods of a node rather than in the node. */
const byOtherPods = [
  'Too many pods',
  "node(s) didn't have free ports for the requested pod ports",
  "node(s) didn't match pod anti-affinity rules",
  "node(s) didn't satisfy existing pods anti-affinity rules",
  "node(s) didn't match pod topology spread constraints",
  'node(s) exceed max volume count',
  'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
];

/** What a node's refusal means for preemption; a request beyond the whole node is for no pod to make room for. */
export function refusalOf(reasons: Reasons, requests: Resources, { allocatable }: NodeInfo): Refusal {
  const byPods = reasons.every((reason) => {
    const resource = /^Insufficient (.*)$/.exec(reason)?.[1];
    return resource === undefined
      ? byOtherPods.includes(reason)
      : (requests[resource] ?? 0) <= (allocatable[resource] ?? 0);
  });
  return { reasons, byPods };
}

/**
 * `0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. preemption: …`: kube-scheduler's FitError,
 * reasons counted over nodes and sorted as text.
 */
export function fitErrorMessage(nodes: number, refusals: Iterable<Refusal>): string {
  if (nodes === 0) return 'no nodes available to schedule pods';
  const counts = new Map<string, number>();
  const victims = { 'No preemption victims found for incoming pod': 0, 'Preemption is not helpful for scheduling': 0 };
  for (const { reasons, byPods } of refusals) {
    victims[byPods ? 'No preemption victims found for incoming pod' : 'Preemption is not helpful for scheduling']++;
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const answers = Object.entries(victims).filter(([, count]) => count > 0);
  const available = `0/${nodes} nodes are available:`;
  return `${available} ${sentence(counts)}. preemption: ${available} ${sentence(answers)}.`;
}

function sentence(counts: Iterable<readonly [reason: string, count: number]>): string {
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}

/** A reason that holds for every node (a missing claim); upstream ends it with its preemption's answer, "not found". */
export function preFilterMessage(nodes: number, reason: string): string {
  return `0/${nodes} nodes are available: ${reason}. not found`;
}
