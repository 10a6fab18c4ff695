import type { Logger } from '@berth/kit';
import { backingFileOf, detachLoop, listLoops } from '@berth/linux';

/** Detaches the loop devices whose files are below a directory: those of block volumes outlive every mount. */
export async function detachLoopsBelow(path: string, log: Logger): Promise<void> {
  for (const { number, backingFile } of listLoops()) {
    if (!backingFile.startsWith(`${path}/`)) continue;
    try {
      await detachLoop(number, () => backingFileOf(number) === backingFile);
    } catch (error) {
      log.warn('cannot detach a loop device', { number, backingFile, error });
    }
  }
}
