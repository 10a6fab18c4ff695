import type { ContainerStatus, Pod, PodSpec } from '@berth/kube';
import { age } from '../../columns.ts';
import type { KindRules } from '../../rules.ts';

interface Summary {
  readonly ready: number;
  readonly total: number;
  readonly reason: string;
  readonly restarts: number;
  /** When the last of them happened, as RFC 3339; empty: never. */
  readonly lastRestart: string;
}

/** READY, STATUS and RESTARTS of a pod, as upstream's printer computes them (printPod). */
export const podCells: NonNullable<KindRules['cells']> = {
  Ready: (object) => {
    const { ready, total } = summarize(object as Pod);
    return `${ready}/${total}`;
  },
  Status: (object) => summarize(object as Pod).reason,
  Restarts: (object, now) => {
    const { restarts, lastRestart } = summarize(object as Pod);
    return restarts > 0 && lastRestart ? `${restarts} (${age(lastRestart, now)} ago)` : `${restarts}`;
  },
  IP: ({ status }) => status?.podIPs?.[0]?.ip || '<none>',
  Node: ({ spec }) => spec?.nodeName || '<none>',
  'Nominated Node': ({ status }) => status?.nominatedNodeName || '<none>',
  'Readiness Gates': (object) => readinessGates(object as Pod),
};

function summarize(pod: Pod): Summary {
  const { spec = { containers: [] }, status = {} } = pod;
  const init = initPhase(spec, status.initContainerStatuses ?? []);
  const initialized = hasTrueCondition(pod, 'Initialized');
  let reason = status.reason || status.phase || '';
  if (status.conditions?.some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated'))
    reason = 'SchedulingGated';
  if (init.reason !== undefined) reason = init.reason;
  let { ready, restarts, lastRestart } = init;
  if (init.reason === undefined || initialized) {
    const main = mainPhase(pod, reason);
    reason = main.reason;
    ready += main.ready;
    restarts = init.sidecarRestarts + main.restarts;
    lastRestart = later(init.sidecarLastRestart, main.lastRestart);
  }
  const total = (spec.containers ?? []).length + (spec.initContainers ?? []).filter(isSidecar).length;
  return { ready, total, restarts, lastRestart, reason: deletionReason(pod) ?? reason };
}

function isSidecar({ restartPolicy }: { restartPolicy?: string }): boolean {
  return restartPolicy === 'Always';
}

interface InitPhase {
  /** Absent: nothing more to initialize. */
  readonly reason: string | undefined;
  readonly ready: number;
  readonly restarts: number;
  readonly lastRestart: string;
  readonly sidecarRestarts: number;
  readonly sidecarLastRestart: string;
}

function initPhase(spec: PodSpec, statuses: readonly ContainerStatus[]): InitPhase {
  const sidecars = new Set((spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const result = { reason: undefined as string | undefined, ready: 0, restarts: 0, lastRestart: '' };
  const sidecar = { sidecarRestarts: 0, sidecarLastRestart: '' };
  for (const [index, status] of statuses.entries()) {
    const finished = status.lastState?.terminated?.finishedAt ?? '';
    result.restarts += status.restartCount;
    result.lastRestart = later(result.lastRestart, finished);
    if (sidecars.has(status.name)) {
      sidecar.sidecarRestarts += status.restartCount;
      sidecar.sidecarLastRestart = later(sidecar.sidecarLastRestart, finished);
    }
    const { terminated, waiting } = status.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (sidecars.has(status.name) && status.started) {
      if (status.ready) result.ready += 1;
      continue;
    }
    if (terminated) result.reason = `Init:${endReason(terminated)}`;
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') result.reason = `Init:${waiting.reason}`;
    else result.reason = `Init:${index}/${(spec.initContainers ?? []).length}`;
    break;
  }
  return { ...result, ...sidecar };
}

function endReason({ reason, signal, exitCode }: { reason?: string; signal?: number; exitCode: number }): string {
  if (reason) return reason;
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

function mainPhase(pod: Pod, phase: string): Omit<Summary, 'total'> {
  let reason = phase;
  let error = '';
  let ready = 0;
  let restarts = 0;
  let lastRestart = '';
  for (const status of (pod.status?.containerStatuses ?? []).toReversed()) {
    restarts += status.restartCount;
    lastRestart = later(lastRestart, status.lastState?.terminated?.finishedAt ?? '');
    const { waiting, terminated, running } = status.state ?? {};
    if (waiting?.reason) reason = waiting.reason;
    else if (terminated) {
      reason = endReason(terminated);
      if (terminated.exitCode !== 0) error = reason;
    } else if (status.ready && running) ready += 1;
  }
  if (reason === 'Completed') {
    if (ready > 0 && hasTrueCondition(pod, 'Ready')) reason = 'Running';
    else if (error !== '') reason = error;
    else if (ready > 0) reason = 'NotReady';
  }
  return { reason, ready, restarts, lastRestart };
}

function deletionReason({ metadata, status }: Pod): string | undefined {
  if (!metadata.deletionTimestamp) return undefined;
  if (status?.reason === 'NodeLost') return 'Unknown';
  return status?.phase === 'Failed' || status?.phase === 'Succeeded' ? undefined : 'Terminating';
}

function hasTrueCondition({ status }: Pod, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  return `${gates.filter(({ conditionType }) => hasTrueCondition(pod, conditionType)).length}/${gates.length}`;
}

function later(a: string, b: string): string {
  if (a === '' || b === '') return a || b;
  return Date.parse(a) >= Date.parse(b) ? a : b;
}
