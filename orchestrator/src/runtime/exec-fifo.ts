import { constants } from 'node:fs';
import { open, stat, unlink, utimes } from 'node:fs/promises';
import type { Clock } from '@berth/kit';
import { isErrno } from '@berth/linux';
import { isAlive } from './process-id.ts';
import type { ProcessId } from './records.ts';

/** A first process that lives and does not write in this time is stuck, and with it whoever waits here. */
const patienceMs = 120_000;

/** A time no write leaves behind. */
const untouched = new Date(0);

/**
 * Marks the fifo, so that {@link wasReleased} knows whether the first process got its byte through. Fine where there is none.
 * A crash of ours may fall between our opening the fifo and its writing: then it is woken, writes to nobody, and dies without
 * ever having run what the container is for.
 */
export async function armFifo(path: string): Promise<void> {
  await utimes(path, untouched, untouched).catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT')) throw error;
  });
}

/** Whether the first process has written into a fifo that was armed: the kernel dates every write, and no failed one. */
export async function wasReleased(path: string): Promise<boolean> {
  const { mtimeMs } = await stat(path);
  return mtimeMs !== untouched.getTime();
}

/**
 * Lets a created container run by what `runc start` does (libcontainer container_linux.go, exec): its first process waits
 * to write a byte into a fifo; reading and removing it starts the container. Spares a fork of a Go program, half of a start's time.
 * @returns false where there is no such fifo: the OCI runtime's own command must do it.
 * @throws Error – the first process is gone, or does not go on.
 */
export async function releaseByFifo(path: string, first: ProcessId | undefined, clock: Clock): Promise<boolean> {
  try {
    // Non-blocking: opening for reading would otherwise hang a thread for ever when the writer is dead.
    await using fifo = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const byte = Buffer.alloc(1);
    const endAt = clock.monotonicMs() + patienceMs;
    while ((await readNow(fifo, byte)) === 0) {
      if (!isAlive(first)) {
        // It may have written and run to its end since the last look: then it was started, and its byte is here.
        if ((await readNow(fifo, byte)) > 0) break;
        throw new Error('container process is already dead');
      }
      if (clock.monotonicMs() > endAt) throw new Error(`container process did not go on within ${patienceMs} ms`);
      await clock.sleep(1);
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
  await unlink(path);
  return true;
}

/** 0 where no writer has come yet, or it has not written. */
async function readNow(fifo: { read(buffer: Buffer): Promise<{ bytesRead: number }> }, byte: Buffer): Promise<number> {
  try {
    return (await fifo.read(byte)).bytesRead;
  } catch (error) {
    if (isErrno(error, 'EAGAIN')) return 0;
    throw error;
  }
}
