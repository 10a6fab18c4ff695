import { watch } from 'node:fs';
import type { Logger } from '@berth/kit';

/** Calls `observe` with the id of every exit file that appears (inotify; nothing is polled). */
export function watchExits(directory: string, observe: (id: string) => Promise<void>, log: Logger): Disposable {
  const watcher = watch(directory, (_, name) => {
    // conmon writes beside the file and renames: only whole ids are exits.
    if (!name || !/^[0-9a-f]{64}$/.test(name)) return;
    observe(name).catch((error: unknown) => log.error('exit of a container not recorded', { id: name, error }));
  });
  watcher.on('error', (error) => log.error('exits are not watched any more', { error }));
  return { [Symbol.dispose]: () => watcher.close() };
}
