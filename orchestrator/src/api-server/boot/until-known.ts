import type { Clock } from '@berth/kit';
import { isReason } from '@berth/kube';
import { StoreError } from '../../store/store-error.ts';

/** As long as kube-apiserver goes on with its roles (pkg/registry/rbac/rest/storage_rbac.go, PolicyData.EnsureRBACPolicy). */
const giveUpMs = 30_000;
const pauseMs = 100;

/**
 * A step of a start, again where nobody knows what became of a write: a store elsewhere stood still for a moment, or chose
 * another leader. To do `step` twice is to do it once.
 */
export async function untilKnown(clock: Clock, step: () => Promise<void>): Promise<void> {
  const endMs = clock.monotonicMs() + giveUpMs;
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (!isUncertain(error) || clock.monotonicMs() >= endMs) throw error;
    }
    await clock.sleep(pauseMs);
  }
}

/** As the API tells it, or the store itself. */
function isUncertain(error: unknown): boolean {
  return isReason(error, 'Timeout') || (error instanceof StoreError && error.code === 'Uncertain');
}
