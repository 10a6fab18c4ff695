import type { Reconcile } from '@berth/kit';
import { isConflict } from '@berth/kube';

/** The watch brings the newer object within moments; a lost race is no failure that deserves back-off. */
const conflictDelayMs = 5;

/** Looks again at once after a lost update, where the queue's own back-off starts at a second or more. */
export function retryConflicts(reconcile: Reconcile): Reconcile {
  return async (key, signal) => {
    try {
      return await reconcile(key, signal);
    } catch (error) {
      if (!isConflict(error)) throw error;
      return { afterMs: conflictDelayMs };
    }
  };
}
