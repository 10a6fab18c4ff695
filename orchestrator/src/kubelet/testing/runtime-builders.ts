import { containerHash } from '../containers/container-hash.ts';
import type { RuntimeContainer, RuntimePod, RuntimeSandbox } from '../pods/runtime-pod.ts';

/** A running container of the image tests use. */
export function seenContainer(container: Partial<RuntimeContainer> = {}): RuntimeContainer {
  const name = container.name ?? 'c';
  return {
    id: `id-${name}`,
    name,
    sandboxId: 'sandbox',
    state: 'CONTAINER_RUNNING',
    createdAtMs: 1000,
    startedAtMs: 1000,
    finishedAtMs: 2000,
    exitCode: 0,
    reason: '',
    message: '',
    image: 'busybox:1',
    imageId: 'sha256:1',
    hash: containerHash({ name, image: 'busybox:1' }),
    restartCount: 0,
    logPath: '',
    mounts: [],
    annotations: {},
    ...container,
  };
}

export function exited(name: string, exitCode: number): RuntimeContainer {
  return seenContainer({ name, state: 'CONTAINER_EXITED', exitCode });
}

export function seenPod(
  containers: readonly RuntimeContainer[],
  sandbox: Partial<RuntimeSandbox> | null = {},
): RuntimePod {
  const one = { id: 'sandbox', attempt: 0, ready: true, createdAtMs: 1, ips: ['10.0.0.1'], hostNetwork: false };
  return { uid: 'u', namespace: 'default', name: 'p', sandboxes: sandbox ? [{ ...one, ...sandbox }] : [], containers };
}
