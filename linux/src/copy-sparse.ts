import { read, write } from 'node:fs';
import { promisify } from 'node:util';
import { isZero } from '@berth/kit';
import * as flags from './flags.ts';
import { isErrno } from './kernel-error.ts';
import { callAsync, check, libc } from './libc.ts';
import type { Fd } from './open-in-root.ts';

/** Bytes asked of the kernel at once: some tens of milliseconds, so that a cancelled copy ends soon. */
const chunkBytes = 16 * 1024 * 1024;

const memoryBytes = 1024 * 1024;
const readAsync = promisify(read);
const writeAsync = promisify(write);

/**
 * Copies the data of the first `sizeBytes` of a file into an empty one, in the kernel, and leaves out its holes.
 * The caller sets the size. @returns how many bytes of data there were.
 * @throws KernelError ENOSPC and the like; the signal's reason when it aborts between two chunks.
 */
export async function copySparse(source: Fd, target: Fd, sizeBytes: number, signal?: AbortSignal): Promise<number> {
  let copied = 0;
  let offset = 0;
  while (offset < sizeBytes) {
    const start = seek(source, offset, flags.SEEK_DATA);
    if (start === undefined || start >= sizeBytes) break;
    const end = Math.min(seek(source, start, flags.SEEK_HOLE) ?? sizeBytes, sizeBytes);
    for (offset = start; offset < end; ) {
      signal?.throwIfAborted();
      const length = await copyChunk(source, target, { offset, length: Math.min(chunkBytes, end - offset) });
      // The source became shorter under the copy.
      if (length === 0) return copied;
      offset += length;
      copied += length;
    }
  }
  return copied;
}

/** False where the file reads as zeros because nothing was ever written to it, reserved or not. */
export function holdsData(file: Fd): boolean {
  return seek(file, 0, flags.SEEK_DATA) !== undefined;
}

/** Whether all that was ever written to the file is zeros, which takes a read of it; its holes take none. */
export async function readsAsZeros(file: Fd): Promise<boolean> {
  if (!holdsData(file)) return true;
  const buffer = Buffer.alloc(memoryBytes);
  for (let offset = 0; ; ) {
    const start = seek(file, offset, flags.SEEK_DATA);
    if (start === undefined) return true;
    const { bytesRead } = await readAsync(file.number, buffer, 0, buffer.length, start);
    if (bytesRead === 0) return true;
    if (!isZero(buffer.subarray(0, bytesRead))) return false;
    offset = start + bytesRead;
  }
}

/** @returns undefined past the last data (ENXIO). A filesystem without holes says the whole file is data. */
export function seek(file: Fd, offset: number, whence: number): number | undefined {
  try {
    const found = Number(libc.lseek(file.number, offset, whence));
    return check(found, 'lseek', file.path);
  } catch (error) {
    if (isErrno(error, 'ENXIO')) return undefined;
    if (isErrno(error, 'EINVAL', 'EOPNOTSUPP')) return whence === flags.SEEK_DATA ? offset : undefined;
    throw error;
  }
}

interface Chunk {
  readonly offset: number;
  readonly length: number;
}

async function copyChunk(source: Fd, target: Fd, chunk: Chunk): Promise<number> {
  const { offset, length } = chunk;
  const at = () => {
    const place = Buffer.alloc(8);
    place.writeBigInt64LE(BigInt(offset));
    return place;
  };
  try {
    return await callAsync(libc.copyFileRange, [source.number, at(), target.number, at(), length, 0], {
      syscall: 'copy_file_range',
      what: `${length} bytes at ${offset}`,
    });
  } catch (error) {
    // Two filesystems of different kinds, or one that has no such call: through this process, then.
    if (!isErrno(error, 'EXDEV', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL')) throw error;
    return await copyThroughMemory(source, target, chunk);
  }
}

async function copyThroughMemory(source: Fd, target: Fd, { offset, length }: Chunk): Promise<number> {
  const buffer = Buffer.allocUnsafe(Math.min(length, memoryBytes));
  const { bytesRead } = await readAsync(source.number, buffer, 0, buffer.length, offset);
  for (let done = 0; done < bytesRead; ) {
    done += (await writeAsync(target.number, buffer, done, bytesRead - done, offset + done)).bytesWritten;
  }
  return bytesRead;
}
