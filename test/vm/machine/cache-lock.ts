import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@berth/kit';
import { lockFile } from '@berth/linux';
import { cacheFolder } from './cache-folder.ts';

/** Keeps other tests' processes from filling the cache until it is disposed: two that fetch at once would meet. */
export async function lockCache(): Promise<Disposable> {
  mkdirSync(cacheFolder(), { recursive: true });
  while (true) {
    const lock = lockFile(join(cacheFolder(), 'lock'));
    if (lock) return lock;
    await systemClock.sleep(100);
  }
}
