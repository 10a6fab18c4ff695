import type { NodeContext } from '../node-context.ts';
import { describePod, isCritical } from '../pods/pod-facts.ts';
import type { PodWorker } from '../pods/pod-worker.ts';
import { exceededLimit, hasStorageLimits } from './storage-limits.ts';

/** kubelet's eviction monitoring interval; only pods with limits are looked at. */
const lookMs = 10_000;

/** How long containers of an evicted pod have (immediateEvictionGracePeriodSeconds). */
const graceSeconds = 1;

/** Evicts pods that take more of the node's disk than their limits say, but for critical ones (eviction_manager.go). Runs until `signal` aborts. */
export async function evictOverLimit(
  node: NodeContext,
  workers: { list(): readonly PodWorker[] },
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, metrics } = node.options;
  while (!signal.aborted) {
    for (const worker of workers.list()) {
      const { pod } = worker.state;
      if (!worker.admitted || isCritical(pod) || !hasStorageLimits(pod)) continue;
      try {
        // Most nodes have no such pod.
        const { storageUse } = await import('./storage-use.ts');
        const exceeded = exceededLimit(pod, await storageUse(node, worker.state, signal));
        if (!exceeded) continue;
        if (worker.evict({ reason: 'Evicted', message: exceeded.message, graceSeconds }))
          metrics?.evicted(exceeded.signal);
      } catch (error) {
        if (!signal.aborted) log.debug('what a pod takes is not known', { pod: describePod(pod), error });
      }
    }
    await clock.sleep(lookMs, signal).catch(() => undefined);
  }
}
