import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, rfc3339 } from '@berth/kit';
import type { Container } from '@berth/kube';
import { computePodActions, type PodActions } from '../containers/compute-pod-actions.ts';
import { hostsFile, podHostname } from '../containers/hosts-file.ts';
import { killContainer } from '../containers/kill-container.ts';
import { podCgroupPath, podLimits } from '../containers/linux-resources.ts';
import { resizeContainers } from '../containers/resize-containers.ts';
import { resizeEvent } from '../containers/resize-event.ts';
import { podLogDirectory, sandboxConfig } from '../containers/sandbox-config.ts';
import { type SandboxHandle, startContainer } from '../containers/start-container.ts';
import { StartError } from '../containers/start-error.ts';
import { type NodeContext, podDirectory, podEvent, sandboxFacts } from '../node-context.ts';
import { qosClassOf } from '../status/pod-qos.ts';
import { reportSandboxReady, reportStatus } from '../status/report-status.ts';
import { killPod } from './kill-pod.ts';
import { observePod } from './observe-pod.ts';
import {
  containersOf,
  describePod,
  ephemeralContainersOf,
  findContainer,
  initContainersOf,
  isTerminalPhase,
} from './pod-facts.ts';
import type { PodState } from './pod-state.ts';
import { pruneContainers } from './prune-containers.ts';
import { latestContainer } from './runtime-pod.ts';

/** What a pass over a pod came to. */
export type SyncResult =
  | { readonly kind: 'steady' }
  /** Something was started or stopped: look again. */
  | { readonly kind: 'changed' }
  | { readonly kind: 'retry'; readonly afterMs: number }
  /** Its containers have ended for good. */
  | { readonly kind: 'terminal' };

/** Between tries of what failed without a back-off of its own (pod_workers.go backOffPeriod). */
const retryMs = 10_000;

/** Brings a pod one pass nearer to what its spec wants (kubelet.go SyncPod and kuberuntime SyncPod). */
export async function syncPod(node: NodeContext, state: PodState, signal: AbortSignal): Promise<SyncResult> {
  await observePod(node, state, signal);
  const status = reportStatus(node, state, { terminal: false });
  if (isTerminalPhase(status.phase)) return { kind: 'terminal' };
  try {
    await prepareAndResize(node, state, signal);
    await mounted(node, state, signal);
  } catch (error) {
    signal.throwIfAborted();
    node.options.log.warn('pod not prepared', { pod: describePod(state.pod), error });
    return { kind: 'retry', afterMs: retryMs };
  }
  const actions = computePodActions(state.pod, state.seen, state.prober);
  const changed = await kill(node, state, actions, signal);
  if (actions.killPod && !actions.createSandbox) return changed ? { kind: 'changed' } : { kind: 'steady' };
  const sandbox = await ensureSandbox(node, state, actions, signal);
  if (!sandbox) return { kind: 'retry', afterMs: retryMs };
  const result = await startAll(node, state, { actions, sandbox }, signal);
  await pruneContainers(node, state, signal);
  if (result.kind === 'retry') {
    await observePod(node, state, signal);
    reportStatus(node, state, { terminal: false });
    return result;
  }
  if (changed || actions.createSandbox) return { kind: 'changed' };
  return result.kind === 'steady' && state.resize ? { kind: 'retry', afterMs: retryMs } : result;
}

/** A spec that changes meanwhile is the next pass': containers and the pod's cgroup follow one and the same. */
async function prepareAndResize(node: NodeContext, state: PodState, signal: AbortSignal): Promise<void> {
  const { pod, uid } = state;
  const down = await resizeContainers(node, { pod, seen: state.seen }, 'down', signal);
  if (down.changed) await observePod(node, state, signal);
  await prepare(node, { pod, uid });
  const up = await resizeContainers(node, { pod, seen: state.seen }, 'up', signal);
  if (up.changed) await observePod(node, state, signal);
  if (!down.changed && !up.changed) return;
  noteResizeError(node, state, up.error ?? down.error);
  reportStatus(node, state, { terminal: false });
}

function noteResizeError(node: NodeContext, state: PodState, error: string | undefined): void {
  if (!state.resize || error === undefined) return;
  const before = state.resize.error;
  state.resize = { ...state.resize, error, probed: rfc3339(node.options.clock.now()) };
  if (before !== error) resizeEvent(node, state.pod, 'Error', state.resize);
}

/** Directories and the cgroup; hosts-file content follows with the address. */
async function prepare(node: NodeContext, { pod, uid }: Pick<PodState, 'pod' | 'uid'>): Promise<void> {
  const event = podEvent(node, pod);
  const qos = qosClassOf(pod);
  try {
    await node.cgroups.ensure(podCgroupPath(node.options.cgroupRoot, qos, uid), podLimits(pod, qos));
  } catch (error) {
    event('Warning', 'FailedCreatePodContainer', `unable to ensure pod container exists: ${messageOf(error)}`);
    throw error;
  }
  try {
    const directory = podDirectory(node, uid);
    for (const name of ['volumes', 'plugins', 'containers']) {
      await mkdir(join(directory, name), { recursive: true, mode: 0o750 });
    }
    await mkdir(podLogDirectory(node.options.dirs.logs, pod), { recursive: true, mode: 0o755 });
  } catch (error) {
    event('Warning', 'FailedToMakePodDataDirectories', `error making pod data directories: ${messageOf(error)}`);
    throw error;
  }
}

async function mounted(node: NodeContext, { pod }: PodState, signal: AbortSignal): Promise<void> {
  try {
    await node.options.volumes.waitForMount(pod, signal);
  } catch (error) {
    signal.throwIfAborted();
    podEvent(node, pod)('Warning', 'FailedMount', `Unable to attach or mount volumes: ${messageOf(error)}`);
    throw error;
  }
}

/** Stops what must not run any more; true where there was something. */
async function kill(node: NodeContext, state: PodState, actions: PodActions, signal: AbortSignal): Promise<boolean> {
  const { pod } = state;
  if (!actions.killPod) {
    const podIp = state.seen.sandboxes[0]?.ips[0] ?? '';
    for (const request of actions.toKill) await killContainer(node, { pod, podIp, ...request }, signal);
    if (actions.toKill.length > 0) await observePod(node, state, signal);
    return actions.toKill.length > 0;
  }
  const { sandboxes, containers } = state.seen;
  const alive = sandboxes.some(({ ready }) => ready) || containers.some((one) => one.state === 'CONTAINER_RUNNING');
  if (actions.createSandbox && actions.sandboxId !== '') {
    podEvent(node, pod)('Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
  }
  if (sandboxes.length > 0) await killPod(node, state, {}, signal);
  // Init containers of an older sandbox say nothing of the next one.
  if (actions.createSandbox) {
    const names = new Set(initContainersOf(pod).map(({ name }) => name));
    for (const { id, name } of state.seen.containers) {
      if (names.has(name)) await node.options.runtime.runtime.RemoveContainer({ containerId: id }, { signal });
    }
  }
  return alive;
}

async function ensureSandbox(
  node: NodeContext,
  state: PodState,
  actions: PodActions,
  signal: AbortSignal,
): Promise<SandboxHandle | undefined> {
  const config = sandboxConfig(state.pod, actions.attempt, sandboxFacts(node));
  let id = actions.sandboxId;
  if (actions.createSandbox) {
    try {
      const request = { config, runtimeHandler: state.pod.spec?.runtimeClassName ?? '' };
      id = (await node.options.runtime.runtime.RunPodSandbox(request, { signal })).podSandboxId;
    } catch (error) {
      signal.throwIfAborted();
      podEvent(node, state.pod)(
        'Warning',
        'FailedCreatePodSandBox',
        `Failed to create pod sandbox: ${messageOf(error)}`,
      );
      return undefined;
    }
    reportSandboxReady(node, state);
    await observePod(node, state, signal);
  }
  const ips = state.seen.sandboxes.find((sandbox) => sandbox.id === id)?.ips ?? [];
  const starts = actions.ephemeralToStart.length + actions.initToStart.length + actions.toStart.length;
  if (starts > 0) await writeHosts(node, state, ips);
  return { id, config, ips };
}

/** Written again before every start, since a new sandbox has a new address. */
async function writeHosts(node: NodeContext, { pod, uid }: PodState, podIps: readonly string[]): Promise<void> {
  const content = hostsFile({
    pod,
    podIps,
    hostname: podHostname(pod, node.machine.hostname),
    clusterDomain: node.options.clusterDomain ?? 'cluster.local',
    nodeHosts: node.nodeFiles.hosts,
  });
  await writeFile(join(podDirectory(node, uid), 'etc-hosts'), content, { mode: 0o644 });
}

interface StartPlan {
  readonly actions: PodActions;
  readonly sandbox: SandboxHandle;
}

async function startAll(
  node: NodeContext,
  state: PodState,
  { actions, sandbox }: StartPlan,
  signal: AbortSignal,
): Promise<SyncResult> {
  const ephemeral = actions.ephemeralToStart.map((index) => ephemeralContainersOf(state.pod)[index] as Container);
  const init = actions.initToStart.map((index) => initContainersOf(state.pod)[index] as Container);
  const main = actions.toStart.map((index) => containersOf(state.pod)[index] as Container);
  let started = false;
  let retry: number | undefined;
  for (const spec of [...ephemeral, ...init, ...main]) {
    signal.throwIfAborted();
    const afterMs = await startOne(node, state, { spec, sandbox }, signal);
    if (afterMs === undefined) started = true;
    else retry = Math.min(retry ?? Number.POSITIVE_INFINITY, afterMs);
  }
  if (retry !== undefined) return { kind: 'retry', afterMs: retry };
  return { kind: started ? 'changed' : 'steady' };
}

/** Undefined when started, else after how many milliseconds to try again. */
async function startOne(
  node: NodeContext,
  state: PodState,
  { spec, sandbox }: { spec: Container; sandbox: SandboxHandle },
  signal: AbortSignal,
): Promise<number | undefined> {
  const { pod, uid } = state;
  const key = `${uid}_${spec.name}`;
  const latest = latestContainer(state.seen, spec.name);
  const ended = latest?.state === 'CONTAINER_EXITED' ? latest : undefined;
  const wait = ended ? node.crashes.waiting(key, ended) : undefined;
  if (wait) {
    const message = `back-off ${goDuration(wait.delayMs)} restarting failed container=${spec.name} pod=${describePod(pod)}`;
    const again = state.waiting.get(spec.name)?.reason === 'CrashLoopBackOff';
    state.waiting.set(spec.name, { reason: 'CrashLoopBackOff', message });
    if (!again) {
      const text = `Back-off restarting failed container ${spec.name} in pod ${describePod(pod)}`;
      podEvent(node, pod, spec.name)('Warning', 'BackOff', text);
    }
    return wait.leftMs;
  }
  if (ended) node.crashes.restarted(key);
  try {
    await startContainer(node, state, findContainer(pod, spec.name) ?? spec, sandbox, signal);
    state.waiting.delete(spec.name);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof StartError ? error.reason : 'RunContainerError';
    state.waiting.set(spec.name, { reason, message: messageOf(error) });
    node.options.log.warn('container not started', { pod: describePod(pod), container: spec.name, error });
    return (error instanceof StartError ? error.retryAfterMs : undefined) ?? retryMs;
  }
}

/** `10s`, `2m40s`: as Go prints durations. */
function goDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}
