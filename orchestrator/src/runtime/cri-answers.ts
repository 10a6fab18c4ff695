import type { cri, Init } from '@berth/protos';
import { criState } from './containers.ts';
import type { ContainerRecord, SandboxRecord } from './records.ts';
import { nanoseconds } from './runtime-context.ts';

export function sandboxAnswer(record: SandboxRecord): Init<cri.PodSandbox> {
  const { id, config, createdAtMs, runtimeHandler } = record;
  return {
    id,
    metadata: config.metadata,
    state: record.state === 'ready' ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY',
    createdAt: nanoseconds(createdAtMs),
    labels: config.labels,
    annotations: config.annotations,
    runtimeHandler,
  };
}

export function sandboxStatus(record: SandboxRecord): Init<cri.PodSandboxStatus> {
  const [ip = '', ...more] = record.state === 'ready' ? record.ips : [];
  const options = record.config.linux?.securityContext?.namespaceOptions;
  return {
    ...sandboxAnswer(record),
    network: { ip, additionalIps: more.map((address) => ({ ip: address })) },
    linux: { namespaces: { options: options ?? { network: 'POD', pid: 'POD', ipc: 'POD' } } },
  };
}

export function containerAnswer(record: ContainerRecord): Init<cri.Container> {
  return {
    id: record.id,
    podSandboxId: record.sandboxId,
    metadata: record.config.metadata,
    image: record.config.image,
    imageRef: record.imageRef ?? record.imageId,
    imageId: record.imageId,
    state: criState(record.state),
    createdAt: nanoseconds(record.createdAtMs),
    labels: record.config.labels,
    annotations: record.config.annotations,
  };
}

export function containerStatus(record: ContainerRecord): Init<cri.ContainerStatus> {
  const { uid, gid, groups } = record.user;
  const { podSandboxId: _, ...common } = containerAnswer(record);
  return {
    ...common,
    startedAt: nanoseconds(record.startedAtMs),
    finishedAt: nanoseconds(record.finishedAtMs),
    exitCode: record.exitCode ?? 0,
    reason: record.reason ?? '',
    message: record.message ?? '',
    mounts: record.config.mounts,
    logPath: record.logPath,
    resources: { linux: record.config.linux?.resources ?? null },
    user: { linux: { uid: String(uid), gid: String(gid), supplementalGroups: groups.map(String) } },
    stopSignal: record.config.stopSignal,
  };
}

/** CRI's label selectors: every pair must be there. */
export function matchesLabels(
  labels: Readonly<Record<string, string>>,
  selector: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}
