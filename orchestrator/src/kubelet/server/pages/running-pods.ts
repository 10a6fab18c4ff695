import type { ContainerRuntime } from '../../container-runtime.ts';

/** What the runtime runs, whatever the API wants to run, newest first (GetRunningPods, ToAPIPod of pkg/kubelet/container). */
export async function runningPods({ runtime }: ContainerRuntime, signal: AbortSignal): Promise<object> {
  const everything = { id: '', labelSelector: {} };
  const [{ items }, { containers }] = await Promise.all([
    runtime.ListPodSandbox({ filter: { ...everything, state: { state: 'SANDBOX_READY' } } }, { signal }),
    runtime.ListContainers(
      { filter: { ...everything, podSandboxId: '', state: { state: 'CONTAINER_RUNNING' } } },
      { signal },
    ),
  ]);
  const pods = items
    .toSorted((a, b) => Number(BigInt(b.createdAt) - BigInt(a.createdAt)))
    .map(({ id, metadata }) => ({
      metadata: { name: metadata?.name, namespace: metadata?.namespace, uid: metadata?.uid },
      spec: {
        containers: containers
          .filter(({ podSandboxId }) => podSandboxId === id)
          .map((each) => ({ name: each.metadata?.name, image: each.image?.image, resources: {} })),
      },
      status: {},
    }));
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: pods };
}
