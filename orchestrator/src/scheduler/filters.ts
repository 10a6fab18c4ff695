import type { Pod, Taint } from '@berth/kube';
import { hasFreePorts, matchesAffinity, tolerates } from '../pod-placement.ts';
import type { NodeInfo } from './node-info.ts';
import type { Resources } from './pod-requests.ts';

/** Why a node cannot take a pod, in kube-scheduler's words; none: it can. */
export type Reasons = readonly string[];

export interface FilterInput {
  readonly pod: Pod;
  readonly requests: Resources;
}

type Filter = (input: FilterInput, info: NodeInfo) => Reasons;

/** In upstream's order (apis/config/v1 default_plugins.go): the first plugin that refuses speaks for the node, before all those that choose nodes by name. */
export const filters: readonly Filter[] = [
  isAskedFor,
  isSchedulable,
  hasName,
  toleratesTaints,
  namesNode,
  hasPorts,
  hasRoom,
];

export function refuse(input: FilterInput, info: NodeInfo): Reasons {
  for (const filter of filters) {
    const reasons = filter(input, info);
    if (reasons.length > 0) return reasons;
  }
  return [];
}

const unschedulableTaint: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** A pod that names nodes, as a DaemonSet's, is tried on no other ones (NodeAffinity PreFilter). */
function isAskedFor({ pod }: FilterInput, { name }: NodeInfo): Reasons {
  const terms =
    pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const named = terms.map(({ matchFields = [] }) =>
    matchFields.filter(({ key, operator }) => key === 'metadata.name' && operator === 'In'),
  );
  if (named.length === 0 || named.some((fields) => fields.length === 0)) return [];
  const isNamed = named.some((fields) => fields.every(({ values = [] }) => values.includes(name)));
  return isNamed ? [] : ["node(s) didn't satisfy plugin(s) [NodeAffinity]"];
}

function isSchedulable({ pod }: FilterInput, { node }: NodeInfo): Reasons {
  if (!node?.spec?.unschedulable || tolerates(pod.spec?.tolerations, unschedulableTaint)) return [];
  return ['node(s) were unschedulable'];
}

function hasName({ pod }: FilterInput, { name }: NodeInfo): Reasons {
  const wanted = pod.spec?.nodeName;
  return !wanted || wanted === name ? [] : ["node(s) didn't match the requested node name"];
}

function toleratesTaints({ pod }: FilterInput, { node }: NodeInfo): Reasons {
  const hard = (node?.spec?.taints ?? []).filter(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute');
  const taint = hard.find((candidate) => !tolerates(pod.spec?.tolerations, candidate));
  return taint ? ['node(s) had untolerated taint(s)'] : [];
}

function namesNode({ pod }: FilterInput, { node }: NodeInfo): Reasons {
  return node && matchesAffinity(pod, node) ? [] : ["node(s) didn't match Pod's node affinity/selector"];
}

function hasPorts({ pod }: FilterInput, info: NodeInfo): Reasons {
  return hasFreePorts(pod, info.pods) ? [] : ["node(s) didn't have free ports for the requested pod ports"];
}

function hasRoom({ requests }: FilterInput, info: NodeInfo): Reasons {
  const reasons: string[] = [];
  if (info.podCount + 1 > (info.allocatable['pods'] ?? 0)) reasons.push('Too many pods');
  for (const [name, amount] of Object.entries(requests)) {
    if (amount > 0 && amount > (info.allocatable[name] ?? 0) - (info.requested[name] ?? 0))
      reasons.push(`Insufficient ${name}`);
  }
  return reasons;
}
