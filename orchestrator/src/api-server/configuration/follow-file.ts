import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock, Logger } from '@berth/kit';

/** Also where a file changes without a word, as some mounts do. */
const everyMs = 60_000;

export interface FollowedFile {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Never throws. Called when the file may have changed, one call after the other. */
  readonly look: () => Promise<void>;
}

/** Looks at a file again when something in its folder changed, and each minute (apiserver's filesystem.WatchUntil). */
export function followFile({ path, clock, log, look }: FollowedFile, signal: AbortSignal): void {
  let [isLooking, again] = [false, false];
  const changed = async (): Promise<void> => {
    again = true;
    if (isLooking) return;
    isLooking = true;
    while (again && !signal.aborted) {
      again = false;
      await look();
    }
    isLooking = false;
  };
  // A volume of a ConfigMap changes by another `..data`.
  const mayBeIt = (name: string | null) => name === null || name === basename(path) || name === '..data';
  const watcher = watch(dirname(path), { persistent: false }, (_, name) => void (mayBeIt(name) && changed()));
  watcher.on('error', (error) => log.error('a file is looked at each minute only', { path, error }));
  signal.addEventListener('abort', () => watcher.close(), { once: true });
  void (async () => {
    for (;;) {
      await clock.sleep(everyMs, signal);
      await changed();
    }
  })().catch(() => undefined);
}
