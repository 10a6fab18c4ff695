import type { WorkQueue } from '@berth/kit';
import type { PersistentVolumeClaim } from '@berth/kube';
import type { CallJournal } from './call-journal.ts';
import { type ClaimView, nodeSelectedFor, provisionerOf } from './claim-view.ts';

export interface WatchOptions {
  readonly queue: WorkQueue;
  readonly journal: CallJournal;
  readonly driverName: string;
}

/**
 * Enqueues claims, by UID, when something changed that matters to provisioning. Other changes must not: they would
 * break into the back-off of a failing claim.
 */
export function watchClaims(view: ClaimView, { queue, journal, driverName }: WatchOptions): Disposable {
  const handlers = new DisposableStack();
  for (const uid of journal.uids()) queue.add(uid);
  handlers.use(
    view.claims.onChange((_, { before, after }) => {
      const claim = after ?? before;
      const uid = claim?.metadata.uid;
      if (!claim || uid === undefined) return;
      if (provisionerOf(claim) !== driverName && !journal.get(uid)) return;
      if (!before || !after || matters(before) !== matters(after)) queue.add(uid);
    }),
  );
  handlers.use(
    view.classes.onChange((name, { after }) => {
      if (!after) return;
      for (const claim of view.unboundOf(name)) {
        if (provisionerOf(claim) === driverName && claim.metadata.uid) queue.add(claim.metadata.uid);
      }
    }),
  );
  return handlers;
}

function matters(claim: PersistentVolumeClaim): string {
  const { spec, metadata } = claim;
  return JSON.stringify([spec, provisionerOf(claim), nodeSelectedFor(claim), metadata.deletionTimestamp]);
}
