import type { Node, NodeSelectorRequirement, NodeSelectorTerm, Pod } from '@berth/kube';
import { bytes, milli } from '../containers/linux-resources.ts';
import type { PodVerdict } from '../status/pod-status.ts';
import { containersOf, initContainersOf, isSidecar } from './pod-facts.ts';

export interface NodeRoom {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
  readonly pods: number;
  /** Labels of the node object. */
  readonly labels: Readonly<Record<string, string>>;
  readonly nodeName: string;
}

type Resource = 'cpu' | 'memory' | 'ephemeral-storage';
const counted: readonly Resource[] = ['cpu', 'memory', 'ephemeral-storage'];

/**
 * Whether a pod that was bound to this node fits it; the scheduler's view may have been old
 * (kubelet/lifecycle/predicate.go over the scheduler's AdmissionCheck).
 */
export function admitPod(pod: Pod, others: readonly Pod[], room: NodeRoom): PodVerdict | undefined {
  if (!matchesNode(pod, room)) {
    const message =
      "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
    return { reason: 'NodeAffinity', message, rejected: true };
  }
  if (others.length + 1 > room.pods) {
    return outOf('pods', { requested: 1, used: others.length, capacity: room.pods });
  }
  for (const resource of counted) {
    const requested = requestOf(pod, resource);
    const used = others.reduce((sum, other) => sum + requestOf(other, resource), 0);
    const capacity = capacityOf(room, resource);
    if (requested > 0 && requested + used > capacity) return outOf(resource, { requested, used, capacity });
  }
  return undefined;
}

function outOf(resource: string, { requested, used, capacity }: { requested: number; used: number; capacity: number }) {
  const numbers = `requested: ${requested}, used: ${used}, capacity: ${capacity}`;
  return {
    reason: `OutOf${resource}`,
    message: `Pod was rejected: Node didn't have enough resource: ${resource}, ${numbers}`,
    rejected: true,
  };
}

function capacityOf(room: NodeRoom, resource: Resource): number {
  return { cpu: room.cpuMilli, memory: room.memoryBytes, 'ephemeral-storage': room.ephemeralStorageBytes }[resource];
}

/** Containers and sidecars together, or the largest init container with the sidecars before it (resource.PodRequests). */
export function requestOf(pod: Pod, resource: Resource): number {
  const amount = (quantity: string | undefined) => (resource === 'cpu' ? milli(quantity) : bytes(quantity));
  let sidecars = 0;
  let init = 0;
  for (const spec of initContainersOf(pod)) {
    const own = amount(spec.resources?.requests?.[resource]);
    if (isSidecar(spec)) sidecars += own;
    init = Math.max(init, isSidecar(spec) ? sidecars : sidecars + own);
  }
  const main = containersOf(pod).reduce((sum, spec) => sum + amount(spec.resources?.requests?.[resource]), sidecars);
  const whole = pod.spec?.resources?.requests?.[resource];
  return (whole === undefined ? Math.max(main, init) : amount(whole)) + amount(pod.spec?.overhead?.[resource]);
}

function matchesNode(pod: Pod, { labels, nodeName }: NodeRoom): boolean {
  const selector = Object.entries(pod.spec?.nodeSelector ?? {});
  if (selector.some(([key, value]) => labels[key] !== value)) return false;
  const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms === undefined || terms.some((term) => matchesTerm(term, labels, nodeName));
}

function matchesTerm(term: NodeSelectorTerm, labels: Readonly<Record<string, string>>, nodeName: string): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length + fields.length === 0) return false;
  return (
    expressions.every((requirement) => matches(requirement, labels[requirement.key])) &&
    fields.every((requirement) => matches(requirement, requirement.key === 'metadata.name' ? nodeName : undefined))
  );
}

function matches({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

export function labelsOf(node: Node | undefined): Readonly<Record<string, string>> {
  return node?.metadata.labels ?? {};
}
