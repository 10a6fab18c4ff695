import type { Logger, Reconcile, WorkQueue } from '@berth/kit';
import { isReason, type KubeClient, keyOf, type PersistentVolumeClaim, splitKey } from '@berth/kube';
import { snapshotProtection } from '../object-names.ts';
import { type ClaimView, provisionerOf } from './claim-view.ts';
import { releaseSnapshot, restoredSnapshotOf, volumeSnapshots } from './snapshot-source.ts';

/** `NAMESPACE/NAME` of the snapshot a claim waits for, or waited. */
function sourceKey(claim: PersistentVolumeClaim): string | undefined {
  const name = restoredSnapshotOf(claim);
  return name === undefined ? undefined : `${claim.metadata.namespace}/${name}`;
}

function waits(claim: PersistentVolumeClaim): boolean {
  return !claim.spec?.volumeName && (claim.status?.phase ?? 'Pending') === 'Pending';
}

/** Enqueues a snapshot when a claim of this driver has its volume, or is gone. */
export function watchRestores(
  view: ClaimView,
  { queue, driverName }: { queue: WorkQueue; driverName: string },
): Disposable {
  return view.claims.onChange((_, { before, after }) => {
    if (!before || !waits(before) || (after && waits(after)) || provisionerOf(before) !== driverName) return;
    const key = sourceKey(before);
    if (key !== undefined) queue.add(key);
  });
}

/** Takes the protection off a snapshot that no claim waits for (SnapshotFinalizerController). */
export function releaseUnused(view: ClaimView, client: KubeClient): Reconcile {
  return async (key, signal) => {
    const { namespace, name } = splitKey(key);
    if (namespace === undefined || view.claims.list(namespace).some((one) => waits(one) && sourceKey(one) === key))
      return;
    await releaseSnapshot(client, { namespace, name }, signal);
  };
}

/** Once, at the start: what a crash left protected. A cluster without snapshots, or without the right to list them, has none. */
export async function enqueueProtected(
  client: KubeClient,
  { queue, log, signal }: { readonly queue: WorkQueue; readonly log: Logger; readonly signal: AbortSignal },
): Promise<void> {
  try {
    const { items } = await client.list(volumeSnapshots, {}, signal);
    for (const { metadata } of items)
      if (metadata.finalizers?.includes(snapshotProtection)) queue.add(keyOf({ metadata }));
  } catch (error) {
    if (signal.aborted) return;
    if (!isReason(error, 'NotFound', 'Forbidden'))
      log.warn('cannot list snapshots: protection a crash left stays', { error });
  }
}
