import { type Clock, type Logger, rfc3339 } from '@berth/kit';
import { isNotFound, type KubeClient, keyOf, type Pod, resources } from '@berth/kube';

export interface Unschedulable {
  readonly reason: string;
  readonly message: string;
  /** Node it is nominated to from now on: none where it is `undefined`, as before where it is not told. */
  readonly nominate?: string | undefined;
}

interface Deps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Says in a pod's status why it has no node. */
export async function writeUnschedulable(
  pod: Pod,
  { reason, message, ...more }: Unschedulable,
  { client, clock, log }: Deps,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name = '', uid, generation } = pod.metadata;
  const known = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  const nominated = pod.status?.nominatedNodeName || undefined;
  const nominate = 'nominate' in more ? more.nominate : nominated;
  const isSaid = known?.status === 'False' && known.message === message && known.reason === reason;
  if (isSaid && nominate === nominated) return;
  const condition = {
    type: 'PodScheduled',
    status: 'False',
    reason,
    message,
    lastTransitionTime: known?.status === 'False' ? known.lastTransitionTime : rfc3339(clock.now()),
    observedGeneration: generation,
  };
  const nomination = nominate === nominated ? {} : { nominatedNodeName: nominate ?? null };
  const patch = { metadata: { uid }, status: { conditions: [condition], ...nomination } };
  try {
    await client.patch(
      resources.pods,
      { namespace, name },
      { type: 'strategic', patch },
      { subresource: 'status' },
      signal,
    );
  } catch (error) {
    if (!signal.aborted && !isNotFound(error)) log.debug('could not write why a pod waits', { pod: keyOf(pod), error });
  }
}
