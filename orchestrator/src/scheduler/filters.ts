import type { Pod, Taint, Toleration } from '@berth/kube';
import { matchesNodeSelector } from '../node-selector.ts';
import type { NodeInfo } from './node-info.ts';
import type { Resources } from './pod-requests.ts';

/** Why a node cannot take a pod, in kube-scheduler's words; none: it can. */
export type Reasons = readonly string[];

export interface FilterInput {
  readonly pod: Pod;
  readonly requests: Resources;
}

type Filter = (input: FilterInput, info: NodeInfo) => Reasons;

/** In upstream's order (apis/config/v1 default_plugins.go): the first plugin that refuses speaks for the node. */
export const filters: readonly Filter[] = [isSchedulable, hasName, toleratesTaints, matchesAffinity, hasPorts, hasRoom];

export function refuse(input: FilterInput, info: NodeInfo): Reasons {
  for (const filter of filters) {
    const reasons = filter(input, info);
    if (reasons.length > 0) return reasons;
  }
  return [];
}

const unschedulableTaint: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

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

export function tolerates(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return (tolerations ?? []).some(({ key, operator = 'Equal', value = '', effect }) => {
    if (effect && effect !== taint.effect) return false;
    if (!key) return operator === 'Exists';
    if (key !== taint.key) return false;
    return operator === 'Exists' || value === (taint.value ?? '');
  });
}

function matchesAffinity({ pod }: FilterInput, { node }: NodeInfo): Reasons {
  if (!node) return ["node(s) didn't match Pod's node affinity/selector"];
  const labels = node.metadata.labels ?? {};
  const bySelector = Object.entries(pod.spec?.nodeSelector ?? {}).every(([key, value]) => labels[key] === value);
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (bySelector && (!required || matchesNodeSelector(required, node))) return [];
  return ["node(s) didn't match Pod's node affinity/selector"];
}

function hasPorts({ pod }: FilterInput, info: NodeInfo): Reasons {
  const wanted = hostPorts(pod);
  if (wanted.length === 0) return [];
  for (const other of info.pods)
    for (const taken of hostPorts(other))
      if (wanted.some((port) => collide(port, taken)))
        return ["node(s) didn't have free ports for the requested pod ports"];
  return [];
}

interface HostPort {
  readonly ip: string;
  readonly port: number;
  readonly protocol: string;
}

function hostPorts(pod: Pod): HostPort[] {
  const containers = [
    ...(pod.spec?.containers ?? []),
    ...(pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always'),
  ];
  return containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, protocol = 'TCP' }) =>
      hostPort ? [{ ip: hostIP || '0.0.0.0', port: hostPort, protocol }] : [],
    ),
  );
}

function collide(a: HostPort, b: HostPort): boolean {
  const sameIp = a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0';
  return sameIp && a.port === b.port && a.protocol === b.protocol;
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
