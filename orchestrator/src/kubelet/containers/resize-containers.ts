import { messageOf } from '@berth/kit';
import type { Container } from '@berth/kube';
import type { cri, Init } from '@berth/protos';
import type { NodeContext } from '../node-context.ts';
import { containersOf, initContainersOf, isSidecar } from '../pods/pod-facts.ts';
import type { PodState } from '../pods/pod-state.ts';
import { latestContainer, type RuntimeContainer } from '../pods/runtime-pod.ts';
import { qosClassOf } from '../status/pod-qos.ts';
import { killContainer } from './kill-container.ts';
import { linuxResources } from './linux-resources.ts';

/** `down` before the pod's own cgroup shrinks, `up` after it has grown: a child never has more than its parent. */
export type ResizeDirection = 'down' | 'up';

const bounds = ['cpuQuota', 'memoryLimitInBytes'] as const;

/** What of a pod is looked at; its spec may change while it is resized. */
type Resized = Pick<PodState, 'pod' | 'seen'>;

export interface ResizeResult {
  /** It did something. */
  readonly changed: boolean;
  /** Why a container has not what it is to have. */
  readonly error?: string;
}

/** Gives running containers in place what their spec asks for now (kuberuntime doPodResizeAction). */
export async function resizeContainers(
  node: NodeContext,
  { pod, seen }: Resized,
  direction: ResizeDirection,
  signal: AbortSignal,
): Promise<ResizeResult> {
  let result: ResizeResult = { changed: false };
  for (const { spec, container, now, wanted } of resizable(node, { pod, seen })) {
    const linux = direction === 'up' ? wanted : lowered(now, wanted);
    if (!differs(now, linux)) continue;
    result = { ...result, changed: true };
    if (needsRestart(spec, container, wanted)) {
      const message = `Container ${spec.name} resize requires restart`;
      const podIp = seen.sandboxes[0]?.ips[0] ?? '';
      await killContainer(node, { pod, container, spec, message, podIp }, signal);
    } else {
      const error = await update(node, container, linux, signal);
      if (error !== undefined) result = { ...result, error };
    }
  }
  return result;
}

/** Whether a running container has other bounds than its spec asks for (kuberuntime IsPodResizeInProgress). */
export function isResizing(node: NodeContext, state: Resized): boolean {
  return resizable(node, state).some(({ now, wanted }) => differs(now, wanted));
}

function resizable(node: NodeContext, { pod, seen }: Resized) {
  const qos = qosClassOf(pod);
  return [...initContainersOf(pod).filter(isSidecar), ...containersOf(pod)].flatMap((spec) => {
    const container = latestContainer(seen, spec.name);
    if (container?.state !== 'CONTAINER_RUNNING' || !container.resources) return [];
    const wanted = linuxResources(spec, qos, node.machine.memoryBytes);
    return [{ spec, container, now: container.resources, wanted }];
  });
}

/** What the kernel refuses (less memory than is used) leaves the container as it is: the answer says why. */
async function update(node: NodeContext, { id, name }: RuntimeContainer, linux: Resources, signal: AbortSignal) {
  const { log, runtime } = node.options;
  try {
    await runtime.runtime.UpdateContainerResources({ containerId: id, linux, annotations: {} }, { signal });
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    log.warn('container not resized', { container: name, error });
    return messageOf(error);
  }
}

type Resources = Init<cri.LinuxContainerResources>;

/** Both at their smaller bound; 0 is none. */
function lowered(now: cri.LinuxContainerResources, wanted: Resources): Resources {
  const smaller = (field: (typeof bounds)[number]) => {
    const [a, b] = [Number(now[field]), Number(wanted[field] ?? 0)];
    return String(a === 0 || b === 0 ? a + b : Math.min(a, b));
  };
  return { ...now, cpuQuota: smaller('cpuQuota'), memoryLimitInBytes: smaller('memoryLimitInBytes') };
}

function differs(now: cri.LinuxContainerResources, wanted: Resources): boolean {
  return ([...bounds, 'cpuShares'] as const).some((field) => Number(now[field]) !== Number(wanted[field] ?? 0));
}

/** A resource that changed and whose policy says that the program only looks at its start. */
function needsRestart({ resizePolicy = [] }: Container, { resources }: RuntimeContainer, wanted: Resources): boolean {
  const moved = { cpu: ['cpuQuota', 'cpuShares'], memory: ['memoryLimitInBytes'] } as const;
  return resizePolicy.some(
    ({ resourceName, restartPolicy }) =>
      restartPolicy === 'RestartContainer' &&
      (resourceName === 'cpu' || resourceName === 'memory') &&
      moved[resourceName].some((field) => Number(resources?.[field]) !== Number(wanted[field] ?? 0)),
  );
}
