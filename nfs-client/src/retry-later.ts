import { Backoff, type Clock, deadline, type Rng } from '@berth/kit';
import { isNfsError } from './nfs-error.ts';

export interface RetryLaterOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  /** For how long to come back; then the server's answer is thrown. */
  readonly timeoutMs: number;
}

/** Repeats what the server says to ask again: DELAY (NFSv3's JUKEBOX) and, after its restart, GRACE. */
export async function retryLater<T>(
  options: RetryLaterOptions,
  attempt: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (!isNfsError(error, 'DELAY', 'GRACE')) throw error;
  }
  const { clock, rng, timeoutMs } = options;
  const backoff = new Backoff({ initialMs: 20, maxMs: 2000, jitter: 0.2, rng });
  using limit = deadline(clock, timeoutMs, signal);
  while (true) {
    await clock.sleep(backoff.next(''), limit.signal).catch(() => undefined);
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!isNfsError(error, 'DELAY', 'GRACE') || limit.signal.aborted) throw error;
    }
  }
}
