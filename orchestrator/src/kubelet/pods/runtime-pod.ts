import type { cri } from '@berth/protos';
import type { ContainerRuntime } from '../container-runtime.ts';
import { canonicalReference } from '../containers/image-reference.ts';
import { annotations, labels } from './runtime-labels.ts';

/** One container as the runtime sees it, with what the kubelet wrote on it when it was created. */
export interface RuntimeContainer {
  readonly id: string;
  readonly name: string;
  readonly sandboxId: string;
  readonly state: cri.ContainerState;
  readonly createdAtMs: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  readonly image: string;
  readonly imageId: string;
  readonly hash: string;
  readonly restartCount: number;
  readonly logPath: string;
  readonly mounts: readonly cri.Mount[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly user?: cri.LinuxContainerUser;
  /** What it was last given of cpu and memory, where the runtime tells. */
  readonly resources?: cri.LinuxContainerResources;
}

export interface RuntimeSandbox {
  readonly id: string;
  readonly attempt: number;
  readonly ready: boolean;
  readonly createdAtMs: number;
  readonly ips: readonly string[];
  readonly hostNetwork: boolean;
}

/** All a runtime has of one pod; sandboxes and containers newest first. */
export interface RuntimePod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly sandboxes: readonly RuntimeSandbox[];
  readonly containers: readonly RuntimeContainer[];
}

export const emptyRuntimePod = (uid: string): RuntimePod => ({
  uid,
  namespace: '',
  name: '',
  sandboxes: [],
  containers: [],
});

/** The newest container of that name, whatever its state. */
export function latestContainer(pod: RuntimePod, name: string): RuntimeContainer | undefined {
  return pod.containers.find((container) => container.name === name);
}

/** Reads a pod's sandboxes and containers from the runtime: what the kubelet knows after a restart, too. */
export async function readRuntimePod({ runtime }: ContainerRuntime, uid: string, signal: AbortSignal) {
  const labelSelector = { [labels.podUid]: uid };
  const [sandboxes, containers] = await Promise.all([
    runtime.ListPodSandbox({ filter: { labelSelector } }, { signal }),
    runtime.ListContainers({ filter: { labelSelector } }, { signal }),
  ]);
  const [sandboxStatuses, containerStatuses] = await Promise.all([
    Promise.all(sandboxes.items.map(({ id }) => present(runtime.PodSandboxStatus({ podSandboxId: id }, { signal })))),
    Promise.all(
      containers.containers.map(async ({ id, podSandboxId }) => {
        const answer = await present(runtime.ContainerStatus({ containerId: id }, { signal }));
        return answer?.status ? asContainer(answer.status, podSandboxId) : undefined;
      }),
    ),
  ]);
  const first = sandboxes.items[0]?.metadata;
  const pod: RuntimePod = {
    uid,
    namespace: first?.namespace ?? containers.containers[0]?.labels[labels.podNamespace] ?? '',
    name: first?.name ?? containers.containers[0]?.labels[labels.podName] ?? '',
    sandboxes: sandboxStatuses
      .flatMap((answer) => (answer?.status ? [asSandbox(answer.status)] : []))
      .sort((a, b) => b.createdAtMs - a.createdAtMs || b.attempt - a.attempt),
    containers: containerStatuses
      .filter((container) => container !== undefined)
      .sort((a, b) => b.createdAtMs - a.createdAtMs || b.restartCount - a.restartCount),
  };
  return pod;
}

/** Undefined where the object went between list and status. */
async function present<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

function asSandbox(status: cri.PodSandboxStatus): RuntimeSandbox {
  const first = status.network?.ip ?? '';
  const more = status.network?.additionalIps.map(({ ip }) => ip) ?? [];
  return {
    id: status.id,
    attempt: status.metadata?.attempt ?? 0,
    ready: status.state === 'SANDBOX_READY',
    createdAtMs: milliseconds(status.createdAt),
    ips: [first, ...more].filter((ip) => ip !== ''),
    hostNetwork: status.linux?.namespaces?.options?.network === 'NODE',
  };
}

function asContainer(status: cri.ContainerStatus, sandboxId: string): RuntimeContainer {
  const user = status.user?.linux;
  const resources = status.resources?.linux;
  return {
    id: status.id,
    name: status.metadata?.name ?? status.labels[labels.containerName] ?? '',
    sandboxId,
    state: status.state,
    createdAtMs: milliseconds(status.createdAt),
    startedAtMs: milliseconds(status.startedAt),
    finishedAtMs: milliseconds(status.finishedAt),
    exitCode: status.exitCode,
    reason: status.reason,
    message: status.message,
    image: imageNameOf(status.image),
    imageId: status.imageRef || status.imageId,
    hash: status.annotations[annotations.hash] ?? '',
    restartCount: Number(status.annotations[annotations.restartCount] ?? status.metadata?.attempt ?? 0),
    logPath: status.logPath,
    mounts: status.mounts,
    annotations: status.annotations,
    ...(user ? { user } : {}),
    ...(resources ? { resources } : {}),
  };
}

/** CRI counts nanoseconds. */
function milliseconds(nanoseconds: string): number {
  return Number(BigInt(nanoseconds || '0') / 1_000_000n);
}

/** The name the runtime knows the image by, rather than its id. */
export function imageNameOf(image: cri.ImageSpec | null): string {
  const name = image?.image ?? '';
  const specified = image?.userSpecifiedImage ?? '';
  return /^(sha256:)?[0-9a-f]{64}$/.test(name) && specified !== '' ? canonicalReference(specified) : name;
}
