import type { cri } from '@berth/protos';
import type { ContainerRuntime } from '../../container-runtime.ts';

export interface RunningPod {
  readonly sandbox: cri.PodSandbox;
  readonly containers: readonly cri.Container[];
}

/** What the runtime runs, whatever the API wants to run, newest first (kubeGenericRuntimeManager's GetPods). */
export async function runningPods({ runtime }: ContainerRuntime, signal: AbortSignal): Promise<RunningPod[]> {
  const everything = { id: '', labelSelector: {} };
  const [{ items }, { containers }] = await Promise.all([
    runtime.ListPodSandbox({ filter: { ...everything, state: { state: 'SANDBOX_READY' } } }, { signal }),
    runtime.ListContainers(
      { filter: { ...everything, podSandboxId: '', state: { state: 'CONTAINER_RUNNING' } } },
      { signal },
    ),
  ]);
  return items
    .toSorted((a, b) => Number(BigInt(b.createdAt) - BigInt(a.createdAt)))
    .map((sandbox) => ({ sandbox, containers: containers.filter((each) => each.podSandboxId === sandbox.id) }));
}

/** As pods of the API, with what a runtime knows of them (ToAPIPod of pkg/kubelet/container). */
export function podList(pods: readonly RunningPod[]): object {
  const items = pods.map(({ sandbox: { metadata }, containers }) => ({
    metadata: { name: metadata?.name, namespace: metadata?.namespace, uid: metadata?.uid },
    spec: {
      containers: containers.map((each) => ({ name: each.metadata?.name, image: each.image?.image, resources: {} })),
    },
    status: {},
  }));
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items };
}
