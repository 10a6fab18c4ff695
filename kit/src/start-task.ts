import { isAbort } from './errors.ts';
import type { Logger } from './logger.ts';

/**
 * Runs something that goes on until `signal` aborts, or until the returned handle is disposed, which waits for its end.
 * A failure that is no abort is logged: nobody awaits the task.
 */
export function startTask(
  name: string,
  run: (signal: AbortSignal) => Promise<void>,
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
): AsyncDisposable {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const done = run(either).catch((error: unknown) => {
    if (!either.aborted && !isAbort(error)) log.error('ended by a fault', { task: name, error });
  });
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await done;
    },
  };
}
