import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '@berth/kit';
import type { Container } from '@berth/kube';
import type { cri, Init } from '@berth/protos';
import { machineResources } from '../node/machine-facts.ts';
import { type NodeContext, podDirectory, podEvent } from '../node-context.ts';
import { describePod, ephemeralContainersOf } from '../pods/pod-facts.ts';
import type { PodState } from '../pods/pod-state.ts';
import { latestContainer } from '../pods/runtime-pod.ts';
import { containerConfig, createTerminationMessageFile } from './container-config.ts';
import { containerEnvironment } from './environment.ts';
import type { ReadyImage } from './image-puller.ts';
import { killContainer } from './kill-container.ts';
import { runHook } from './lifecycle-hook.ts';
import { pullCredentials } from './pull-secrets.ts';
import { podLogDirectory } from './sandbox-config.ts';
import { verifyRunAsNonRoot } from './security.ts';
import { StartError, type StartFailure } from './start-error.ts';

/** The sandbox a container is started in. */
export interface SandboxHandle {
  readonly id: string;
  readonly config: Init<cri.PodSandboxConfig>;
  readonly ips: readonly string[];
}

/** Pull, create, start, postStart: one container, with an event a step (kuberuntime startContainer). @throws StartError */
export async function startContainer(
  node: NodeContext,
  state: PodState,
  spec: Container,
  sandbox: SandboxHandle,
  signal: AbortSignal,
): Promise<void> {
  const event = podEvent(node, state.pod, spec.name);
  const step = steps(event, signal);
  const { runtime } = node.options.runtime;
  const image = await step('ErrImagePull', () => pull(node, state, spec, signal));
  const latest = latestContainer(state.seen, spec.name);
  const logs = join(podLogDirectory(node.options.dirs.logs, state.pod), spec.name);
  const restartCount = latest ? latest.restartCount + 1 : await restartsByLogs(logs);
  const config = await step('CreateContainerConfigError', () =>
    configure(node, state, { spec, sandbox, image, restartCount }, signal),
  );
  const { containerId } = await step('CreateContainerError', async () => {
    await mkdir(logs, { recursive: true, mode: 0o755 });
    return runtime.CreateContainer({ podSandboxId: sandbox.id, config, sandboxConfig: sandbox.config }, { signal });
  });
  event('Normal', 'Created', 'Container created');
  await step('RunContainerError', () => runtime.StartContainer({ containerId }, { signal }));
  event('Normal', 'Started', 'Container started');
  const postStart = spec.lifecycle?.postStart;
  if (postStart) await runPostStart(node, state, { spec, sandbox, containerId }, signal);
}

type Step = <T>(reason: StartFailure, run: () => Promise<T>) => Promise<T>;

/** Runs one step of a start: its failure is an event, unless the pod's end broke it off. */
function steps(event: ReturnType<typeof podEvent>, signal: AbortSignal): Step {
  return async (reason, run) => {
    signal.throwIfAborted();
    try {
      return await run();
    } catch (error) {
      signal.throwIfAborted();
      const failure = error instanceof StartError ? error : new StartError(reason, messageOf(error));
      event('Warning', 'Failed', `Error: ${eventText(failure)}`);
      throw failure;
    }
  };
}

/** Pull failures are told in full by their own event; this one names the kind, as kubelet's does. */
function eventText({ reason, message }: StartError): string {
  const named: readonly StartFailure[] = ['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName'];
  return named.includes(reason) ? reason : message;
}

/** Log files outlive containers that were removed: their numbers are not used again (calcRestartCountByLogDir). */
async function restartsByLogs(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  const counts = names.map((name) => /^(\d+)\.log/.exec(name)?.[1]).filter((count) => count !== undefined);
  return Math.max(-1, ...counts.map(Number)) + 1;
}

async function pull(node: NodeContext, state: PodState, spec: Container, signal: AbortSignal): Promise<ReadyImage> {
  const { pod } = state;
  const auths = await pullCredentials(node.options.client, pod, spec, signal);
  return node.images.ensure({ pod, container: spec, auths, event: podEvent(node, pod, spec.name) }, signal);
}

interface ContainerPlan {
  readonly spec: Container;
  readonly sandbox: SandboxHandle;
  readonly image: ReadyImage;
  readonly restartCount: number;
}

/** The container an ephemeral one looks into (kuberuntime startSpec.getTargetID). */
function targetOf({ pod, seen }: PodState, { name }: Container): string | undefined {
  const target = ephemeralContainersOf(pod).find((one) => one.name === name)?.targetContainerName;
  if (!target) return undefined;
  const found = latestContainer(seen, target);
  if (!found) throw new StartError('CreateContainerConfigError', `unable to find target container ${target}`);
  return found.id;
}

async function configure(
  node: NodeContext,
  state: PodState,
  { spec, sandbox, image, restartCount }: ContainerPlan,
  signal: AbortSignal,
): Promise<Init<cri.ContainerConfig>> {
  const { options, machine } = node;
  const { pod, uid } = state;
  const targetId = targetOf(state, spec);
  verifyRunAsNonRoot(pod, spec, image.user);
  const hostIps = options.addresses;
  const environment = await containerEnvironment(
    {
      pod,
      container: spec,
      addresses: { podIps: pod.spec?.hostNetwork ? hostIps : sandbox.ips, hostIps },
      services: node.services(),
      node: machineResources(machine),
      client: options.client,
    },
    signal,
  );
  const volumes = await options.volumes.containerVolumes(pod, spec.name, Object.fromEntries(environment));
  const podDir = podDirectory(node, uid);
  const terminationMessageFile = spec.terminationMessagePath
    ? await createTerminationMessageFile(podDir, spec.name, options.rng.uuid().slice(0, 8))
    : '';
  return containerConfig({
    pod,
    container: spec,
    restartCount,
    imageRef: image.ref,
    environment,
    volumes,
    hostsPath: join(podDir, 'etc-hosts'),
    terminationMessageFile,
    nodeMemoryBytes: machine.memoryBytes,
    targetId,
  });
}

async function runPostStart(
  node: NodeContext,
  state: PodState,
  { spec, sandbox, containerId }: { spec: Container; sandbox: SandboxHandle; containerId: string },
  signal: AbortSignal,
): Promise<void> {
  const { pod } = state;
  const podIp = sandbox.ips[0] ?? '';
  const target = { container: spec, containerId, podIp, pod: describePod(pod) };
  try {
    await runHook(node, spec.lifecycle?.postStart ?? {}, target, signal);
  } catch (error) {
    signal.throwIfAborted();
    podEvent(node, pod, spec.name)('Warning', 'FailedPostStartHook', 'PostStartHook failed');
    const { status } = await node.options.runtime.runtime.ContainerStatus({ containerId }, { signal });
    const container = { ...emptyContainer, id: containerId, name: spec.name, annotations: status?.annotations ?? {} };
    await killContainer(
      node,
      { pod, container, spec, message: 'FailedPostStartHook', reason: 'FailedPostStartHook', podIp },
      signal,
    );
    throw new StartError('PostStartHookError', messageOf(error));
  }
}

const emptyContainer = {
  sandboxId: '',
  state: 'CONTAINER_RUNNING',
  createdAtMs: 0,
  startedAtMs: 0,
  finishedAtMs: 0,
  exitCode: 0,
  reason: '',
  message: '',
  image: '',
  imageId: '',
  hash: '',
  restartCount: 0,
  logPath: '',
  mounts: [],
} as const;
