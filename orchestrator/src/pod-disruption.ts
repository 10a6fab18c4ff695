import { type Clock, rfc3339 } from '@berth/kit';
import { isNotFound, type KubeClient, type Pod, type PodCondition, resources } from '@berth/kube';

export interface Disruption {
  /** `PreemptionByScheduler`, `DeletionByTaintManager`, `EvictionByEvictionAPI`. */
  readonly reason: string;
  readonly message: string;
}

export interface DisruptionDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
}

/** The condition by which Jobs tell a pod that was made to go from one that failed (KEP-3329). */
export function disruptionTarget({ status }: Pod, { reason, message }: Disruption, now: number): PodCondition {
  const known = status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  return {
    type: 'DisruptionTarget',
    status: 'True',
    reason,
    message,
    lastTransitionTime: (known?.status === 'True' && known.lastTransitionTime) || rfc3339(now),
  };
}

/** Says in a pod why it has to go, then deletes it, with its own grace period; nothing where it is gone already. @throws ApiError Conflict – it is another one by now. */
export async function deleteDisrupted(
  pod: Pod,
  disruption: Disruption,
  { client, clock }: DisruptionDeps,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name = '', uid, generation } = pod.metadata;
  const condition = disruptionTarget(pod, disruption, clock.now());
  // The API server's own evictions do not tell of which generation they are.
  const conditions = [{ ...condition, ...(generation === undefined ? {} : { observedGeneration: generation }) }];
  const patch = { metadata: { uid }, status: { conditions } };
  try {
    const ref = { namespace, name };
    await client.patch(resources.pods, ref, { type: 'strategic', patch }, { subresource: 'status' }, signal);
    await client.delete(resources.pods, ref, { preconditions: { uid: uid as string } }, signal);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
