import { abortable, deadline, messageOf } from '@berth/kit';
import type { Container, LifecycleHandler, Pod } from '@berth/kube';
import { type NodeContext, podEvent } from '../node-context.ts';
import { describePod } from '../pods/pod-facts.ts';
import { annotations } from '../pods/runtime-labels.ts';
import type { RuntimeContainer } from '../pods/runtime-pod.ts';
import type { KillReason } from './compute-pod-actions.ts';
import { runHook } from './lifecycle-hook.ts';

export interface KillRequest {
  readonly pod: Pod;
  readonly container: RuntimeContainer;
  /** Absent for containers of pods the API no longer has: annotations tell what is needed. */
  readonly spec: Container | undefined;
  readonly message?: string;
  readonly reason?: KillReason | 'FailedPostStartHook';
  /** Overrides the pod's own. */
  readonly graceSeconds?: number | undefined;
  readonly podIp: string;
}

/** What a container gets at least after its preStop hook used up the grace period (kuberuntime minimumGracePeriodInSeconds). */
const minGraceSeconds = 2;
/** How much longer than its grace period a stop may take before the call counts as lost. */
const stopSlackMs = 120_000;

/** preStop, TERM, and KILL when the grace period is over (kuberuntime_container.go killContainer). */
export async function killContainer(node: NodeContext, request: KillRequest, signal: AbortSignal): Promise<void> {
  const { pod, container } = request;
  const event = podEvent(node, pod, container.name);
  event('Normal', 'Killing', request.message ?? `Stopping container ${container.name}`);
  let grace = gracePeriodSeconds(request);
  const preStop = preStopOf(request);
  if (preStop && grace > 0 && container.state === 'CONTAINER_RUNNING' && request.reason !== 'FailedPostStartHook') {
    grace -= await runPreStop(node, { ...request, preStop, grace }, signal);
    grace = Math.max(grace, minGraceSeconds);
  }
  const stopped = node.options.runtime.runtime.StopContainer(
    { containerId: container.id, timeout: String(Math.ceil(grace)) },
    { signal, timeoutMs: Math.ceil(grace) * 1000 + stopSlackMs },
  );
  // A second stop with a shorter grace period must not wait for the first.
  await abortable(stopped, signal);
}

/** The seconds between TERM and KILL: probes may bring their own, deletion overrides the spec (setTerminationGracePeriod). */
export function gracePeriodSeconds({ pod, spec, reason, graceSeconds, container }: KillRequest): number {
  if (graceSeconds !== undefined) return graceSeconds;
  const { deletionGracePeriodSeconds } = pod.metadata;
  if (deletionGracePeriodSeconds !== undefined) return deletionGracePeriodSeconds;
  const probe =
    reason === 'LivenessProbe' ? spec?.livenessProbe : reason === 'StartupProbe' ? spec?.startupProbe : undefined;
  if (probe?.terminationGracePeriodSeconds !== undefined) return probe.terminationGracePeriodSeconds;
  const written = container.annotations[annotations.gracePeriod];
  return pod.spec?.terminationGracePeriodSeconds ?? (written === undefined ? 30 : Number(written));
}

function preStopOf({ spec, container }: KillRequest): LifecycleHandler | undefined {
  if (spec) return spec.lifecycle?.preStop;
  const written = container.annotations[annotations.preStopHandler];
  return written === undefined ? undefined : (JSON.parse(written) as LifecycleHandler);
}

/** The seconds it took, at most the grace period. */
async function runPreStop(
  node: NodeContext,
  request: KillRequest & { preStop: LifecycleHandler; grace: number },
  signal: AbortSignal,
): Promise<number> {
  const { clock } = node.options;
  const { pod, container, spec, preStop, podIp, grace } = request;
  const begin = clock.monotonicMs();
  using limit = deadline(clock, grace * 1000, signal);
  const target = {
    container: spec ?? { name: container.name },
    containerId: container.id,
    podIp,
    pod: describePod(pod),
  };
  try {
    await runHook(node, preStop, target, limit.signal);
  } catch (error) {
    signal.throwIfAborted();
    // The hook's own words may hold secrets: they go to the log, not into the event (kuberuntime executePreStopHook).
    node.options.log.warn('preStop hook failed', {
      pod: describePod(pod),
      container: container.name,
      error: messageOf(error),
    });
    podEvent(node, pod, container.name)('Warning', 'FailedPreStopHook', 'PreStopHook failed');
  }
  return (clock.monotonicMs() - begin) / 1000;
}
