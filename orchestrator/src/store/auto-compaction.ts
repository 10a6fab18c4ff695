import type { Clock, Logger } from '@berth/kit';
import type { Store } from './store.ts';
import { StoreError } from './store-error.ts';

/** Upstream's etcd-compaction-interval: history of five to ten minutes stays. */
const intervalMs = 300_000;

export interface AutoCompaction {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Forgets, every five minutes, the history older than the last time it looked. Disposing stops it.
 * Not of a shared store, which sees to it that one server does.
 */
export function startAutoCompaction({ store, clock, log }: AutoCompaction): AsyncDisposable {
  if (store.shared) return { [Symbol.asyncDispose]: async () => undefined };
  const end = new AbortController();
  const done = run();
  async function run(): Promise<void> {
    let seen = store.revision;
    let compacted = 0;
    while (!end.signal.aborted) {
      await clock.sleep(intervalMs, end.signal);
      const target = seen;
      seen = store.revision;
      if (target === compacted) continue;
      try {
        await store.compact(target);
        compacted = target;
      } catch (error) {
        if (error instanceof StoreError && error.code === 'Closed') return;
        log.warn('history was not compacted; will try again', { revision: target, error });
      }
    }
  }
  return {
    [Symbol.asyncDispose]: async () => {
      end.abort();
      await done.catch(() => undefined);
    },
  };
}
