import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type Clock, type Logger, messageOf } from '@berth/kit';
import { readFileText } from './read-file-text.ts';

/** Also where a file changes without a word, as some mounts do. */
const everyMs = 60_000;

export interface FollowedFile {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** What it says, as long as nothing changed. */
  readonly text: string;
  /** What is in it, for the log: `authorizers`. */
  readonly of: string;
  /**
   * Uses what it says by now, one call after the other.
   * @throws RangeError – it is wrong, and will be as long as it stays as it is; Error – it is tried again at the next look.
   */
  readonly use: (text: string) => Promise<void>;
  /** Hears of each change, and whether it counts from now on. */
  readonly reloaded: (success: boolean) => void;
}

/** Looks at a file again when something in its folder changed, and each minute (apiserver's filesystem.WatchUntil). */
export function followFile(file: FollowedFile, signal: AbortSignal): void {
  const { path, clock, log } = file;
  let { text } = file;
  const look = async (): Promise<void> => {
    try {
      const now = await readFileText(path);
      if (now === text) return;
      await file.use(now).catch((error: unknown) => {
        if (error instanceof RangeError) text = now;
        throw error;
      });
      text = now;
      file.reloaded(true);
      log.info(`${file.of} are read again`, { path });
    } catch (error) {
      file.reloaded(false);
      log.error(`${file.of} stay as they were`, { path, reason: messageOf(error) });
    }
  };
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
