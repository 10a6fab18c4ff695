import { rfc3339 } from '@berth/kit';
import { type Pod, resources } from '@berth/kube';
import { type ControllerDeps, RunningController } from '../controller-deps.ts';
import { isFailed, isSucceeded, isTerminating } from '../statefulset/pod-state.ts';

/** So long a pod may say that it is made to go without being deleted (stalePodDisruptionTimeout). */
const timeoutMs = 120_000;

/** Takes back what pods say of being made to go when nobody deletes them (pkg/controller/disruption syncStalePodDisruption). */
export function startStaleDisruptions(deps: ControllerDeps, signal: AbortSignal): AsyncDisposable {
  const { client, clock, informers } = deps;
  const pods = informers.of(resources.pods);
  const reconcile = async (key: string) => {
    const pod = pods.get(key);
    const leftMs = pod && leftOf(pod, clock.now());
    if (!pod || leftMs === undefined) return undefined;
    if (leftMs > 0) return { afterMs: leftMs };
    await client.updateStatus(resources.pods, withoutTarget(pod, clock.now()), signal);
    return undefined;
  };
  const name = 'stale-pod-disruption';
  const controller = new RunningController(deps, { name, queueName: 'stale_pod_disruption', reconcile }, signal);
  pods.onChange((key, { after }) => {
    const leftMs = after && leftOf(after, clock.now());
    if (leftMs !== undefined) controller.queue.addAfter(key, leftMs);
  });
  return controller;
}

const isTarget = ({ type }: { readonly type: string }) => type === 'DisruptionTarget';

/** Undefined where nothing is to be taken back: a node that ends a pod may take its time, and one that has ended was ended so. */
function leftOf(pod: Pod, now: number): number | undefined {
  const target = pod.status?.conditions?.find(isTarget);
  if (target?.status !== 'True' || target.reason === 'TerminationByKubelet') return undefined;
  if (isTerminating(pod) || isFailed(pod) || isSucceeded(pod)) return undefined;
  return Math.max(0, Date.parse(target.lastTransitionTime ?? '') + timeoutMs - now || 0);
}

function withoutTarget(pod: Pod, now: number): Pod {
  const { generation } = pod.metadata;
  const told = { type: 'DisruptionTarget', status: 'False', lastTransitionTime: rfc3339(now) };
  const next = { ...told, ...(generation === undefined ? {} : { observedGeneration: generation }) };
  const conditions = pod.status?.conditions?.map((each) => (isTarget(each) ? next : each)) ?? [];
  return { ...pod, status: { ...pod.status, conditions } };
}
