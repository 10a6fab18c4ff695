import type { Clock } from '@berth/kit';
import { isReason } from '@berth/kube';

/** As long as kube-apiserver goes on with its roles (pkg/registry/rbac/rest/storage_rbac.go, PolicyData.EnsureRBACPolicy). */
const giveUpMs = 30_000;
const pauseMs = 100;

/**
 * A step of a start, again where nobody knows what became of a write: a store elsewhere stood still for a moment, or chose
 * another leader. `step` looks at what is there before it writes.
 */
export async function untilKnown(clock: Clock, step: () => Promise<void>): Promise<void> {
  const endMs = clock.monotonicMs() + giveUpMs;
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (!isReason(error, 'Timeout') || clock.monotonicMs() >= endMs) throw error;
    }
    await clock.sleep(pauseMs);
  }
}
