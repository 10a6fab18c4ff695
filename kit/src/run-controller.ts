import { isAbort, TerminalError } from './errors.ts';
import type { Logger } from './logger.ts';
import { Turns } from './turns.ts';
import type { WorkQueue } from './work-queue.ts';

/**
 * Brings the world for `key` one step nearer to what is wanted. Idempotent; keeps no memory a restart would miss.
 * Returns `{ afterMs }` to look again later, throws to be tried again with back-off,
 * throws TerminalError when trying again is pointless until the object changes.
 */
export type Reconcile<K extends string = string> = (
  key: K,
  signal: AbortSignal,
) => Promise<undefined | { afterMs: number }>;

export interface ControllerOptions<K extends string> {
  readonly name: string;
  readonly queue: WorkQueue<K>;
  readonly reconcile: Reconcile<K>;
  readonly workers: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** True for a lost race (HTTP 409): tried again at debug level, since nothing is wrong. */
  readonly isConflict?: (error: unknown) => boolean;
}

/** Runs `workers` loops over the queue until it or the signal ends. */
export async function runController<K extends string>(options: ControllerOptions<K>): Promise<void> {
  const { queue, signal, workers } = options;
  const close = () => void queue[Symbol.asyncDispose]();
  signal.addEventListener('abort', close, { once: true });
  if (signal.aborted) close();
  await Promise.all(Array.from({ length: workers }, () => work(options)));
  signal.removeEventListener('abort', close);
}

/** Of keys that need no more than a look; a start brings all there are. */
const keysATurn = 250;

/** Shared by all controllers of the process: nobody else has a turn while they find nothing to do. */
const turns = new Turns(keysATurn);

async function work<K extends string>({ name, queue, reconcile, log, signal, isConflict }: ControllerOptions<K>) {
  for await (const key of queue) {
    const pause = turns.goOn(1);
    if (pause) await pause;
    try {
      const result = await reconcile(key, signal);
      queue.forget(key);
      if (result) queue.addAfter(key, result.afterMs);
    } catch (error) {
      if (signal.aborted || isAbort(error)) continue;
      if (error instanceof TerminalError) {
        queue.forget(key);
        log.warn('gave up until the object changes', { controller: name, key, error });
        continue;
      }
      const conflict = isConflict?.(error) ?? false;
      log[conflict ? 'debug' : 'warn']('will try again', { controller: name, key, error });
      queue.addRateLimited(key);
    }
  }
}
