import type { Container, ContainerStatus, Pod } from '@berth/kube';
import { shouldRestart } from '../containers/compute-pod-actions.ts';
import { containersOf, ephemeralContainersOf, initContainersOf, isSidecar } from '../pods/pod-facts.ts';
import { latestContainer, type RuntimeContainer, type RuntimePod } from '../pods/runtime-pod.ts';
import type { StatusesOfPod } from './compute-phase.ts';
import { asContainerStatus, volumeMountStatuses } from './container-state.ts';

/** Why a container could not be started at the last try, such as CrashLoopBackOff. */
export interface WaitingReason {
  readonly reason: string;
  readonly message: string;
}

/** What probes say of a running container. */
export interface Readiness {
  started(container: RuntimeContainer, spec: Container): boolean;
  ready(container: RuntimeContainer, spec: Container): boolean;
}

export interface AllStatuses extends StatusesOfPod {
  /** Of no weight for phase and conditions. */
  readonly ephemeral: readonly ContainerStatus[];
}

export interface StatusInput {
  readonly pod: Pod;
  readonly seen: RuntimePod;
  /** The last statuses written: what is known of containers the runtime has forgotten. */
  readonly old: { readonly [Part in keyof AllStatuses]?: readonly ContainerStatus[] };
  readonly waiting: ReadonlyMap<string, WaitingReason>;
  readonly readiness: Readiness;
  readonly runtimeName: string;
}

/** Statuses of all containers of a pod (kubelet_pods.go convertToAPIContainerStatuses and prober UpdatePodStatus). */
export function containerStatuses(input: StatusInput): AllStatuses {
  const { pod, old } = input;
  const byName = (a: ContainerStatus, b: ContainerStatus) => (a.name < b.name ? -1 : 1);
  const hasInit = initContainersOf(pod).length > 0;
  const init = initContainersOf(pod).map((spec) => oneStatus(input, spec, { old: old.init, hasInit, init: true }));
  const main = containersOf(pod).map((spec) => oneStatus(input, spec, { old: old.main, hasInit, init: false }));
  const ephemeral = ephemeralContainersOf(pod).map((spec) => ephemeralStatus(input, spec, hasInit));
  return { init, main: main.sort(byName), ephemeral: ephemeral.sort(byName) };
}

interface Place {
  readonly old: readonly ContainerStatus[] | undefined;
  readonly hasInit: boolean;
  readonly init: boolean;
}

function oneStatus(input: StatusInput, spec: Container, place: Place): ContainerStatus {
  const { seen, runtimeName } = input;
  const old = place.old?.find(({ name }) => name === spec.name);
  const instances = seen.containers.filter(({ name }) => name === spec.name);
  let status = defaultStatus(spec, old, place.hasInit);
  if (instances.length === 0) status = withLostContainer(input.pod, status, old);
  const [latest, previous] = instances;
  if (latest) {
    status = asContainerStatus(latest, spec, runtimeName);
    const before = previous ? asContainerStatus(previous, spec, runtimeName).state : old?.lastState;
    if (before?.terminated) status.lastState = before;
  }
  return withProbes(input, withWaitingReason(input, { spec, status, latest, init: place.init }), spec, place.init);
}

/** An ephemeral container has no probes and no second life: it is what the runtime says, or why it did not start. */
function ephemeralStatus({ seen, old, waiting, runtimeName }: StatusInput, spec: Container, hasInit: boolean) {
  const latest = latestContainer(seen, spec.name);
  if (latest) return asContainerStatus(latest, spec, runtimeName);
  const before = old.ephemeral?.find(({ name }) => name === spec.name);
  const status = defaultStatus(spec, before, hasInit);
  const why = waiting.get(spec.name);
  return why && !status.state?.terminated ? { ...status, state: { waiting: { ...why } } } : status;
}

function defaultStatus(spec: Container, old: ContainerStatus | undefined, hasInit: boolean): ContainerStatus {
  if (old?.state?.terminated) return { ...old };
  return {
    name: spec.name,
    state: { waiting: { reason: hasInit ? 'PodInitializing' : 'ContainerCreating' } },
    lastState: old?.lastState ?? {},
    ready: false,
    restartCount: old?.restartCount ?? 0,
    image: spec.image ?? '',
    imageID: '',
    started: false,
    volumeMounts: volumeMountStatuses(spec),
  };
}

/** A container that ran and is gone from the runtime has ended, although nobody knows how. */
function withLostContainer(pod: Pod, status: ContainerStatus, old: ContainerStatus | undefined): ContainerStatus {
  if (!old?.state?.running || status.lastState?.terminated) return status;
  return {
    ...status,
    restartCount: status.restartCount + (pod.metadata.deletionTimestamp === undefined ? 1 : 0),
    lastState: {
      terminated: {
        exitCode: 137,
        reason: 'ContainerStatusUnknown',
        message: 'The container could not be located when the pod was deleted.  The container used to be Running',
      },
    },
  };
}

interface Instance {
  readonly spec: Container;
  readonly status: ContainerStatus;
  readonly latest: RuntimeContainer | undefined;
  readonly init: boolean;
}

/** A container that should be restarted is Waiting, with the reason the last try gave. */
function withWaitingReason({ pod, seen, waiting }: StatusInput, { spec, status, latest, init }: Instance) {
  const done = init && !isSidecar(spec) && latest?.state === 'CONTAINER_EXITED' && latest.exitCode === 0;
  const why = waiting.get(spec.name);
  if (done || !why || !shouldRestart(pod, spec, seen)) return status;
  const lastState = status.state?.terminated ? { terminated: status.state.terminated } : (status.lastState ?? {});
  const { reason, message } = why;
  return { ...status, lastState, state: { waiting: { reason, ...(message === '' ? {} : { message }) } } };
}

function withProbes({ seen, readiness }: StatusInput, status: ContainerStatus, spec: Container, init: boolean) {
  const latest = latestContainer(seen, spec.name);
  const running = latest && status.state?.running ? latest : undefined;
  if (init && !isSidecar(spec)) {
    return { ...status, started: running !== undefined, ready: status.state?.terminated?.exitCode === 0 };
  }
  const started = running !== undefined && readiness.started(running, spec);
  return { ...status, started, ready: running !== undefined && started && readiness.ready(running, spec) };
}
