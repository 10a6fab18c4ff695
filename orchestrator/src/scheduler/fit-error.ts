import type { Reasons } from './filters.ts';
import type { NodeInfo } from './node-info.ts';
import type { Resources } from './pod-requests.ts';

/** Why one node was refused. */
export interface Refusal {
  readonly node: NodeInfo;
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
export function refusalOf(reasons: Reasons, requests: Resources, node: NodeInfo): Refusal {
  const byPods = reasons.every((reason) => {
    const resource = /^Insufficient (.*)$/.exec(reason)?.[1];
    return resource === undefined
      ? byOtherPods.includes(reason)
      : (requests[resource] ?? 0) <= (node.allocatable[resource] ?? 0);
  });
  return { node, reasons, byPods };
}

/**
 * `0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. preemption: …`: kube-scheduler's FitError,
 * reasons counted over nodes and sorted as text; nothing of preemption where it helps.
 */
export function fitErrorMessage(refusals: readonly Refusal[], preemption?: string): string {
  if (refusals.length === 0) return 'no nodes available to schedule pods';
  const why = nodesMessage(
    refusals.length,
    refusals.map(({ reasons }) => reasons),
  );
  return preemption === undefined ? why : `${why} preemption: ${preemption}`;
}

/** `0/2 nodes are available: 2 No preemption victims found for incoming pod.`, of the reasons of each node. */
export function nodesMessage(nodes: number, reasons: readonly Reasons[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons.flat()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return `0/${nodes} nodes are available: ${sentence(counts)}.`;
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
