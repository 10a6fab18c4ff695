import * as flags from './flags.ts';
import { callAsync, libc } from './libc.ts';
import type { Fd } from './open-in-root.ts';

/** Sets the size of a file: what is added is a hole, what is beyond is gone (ftruncate(2)). */
export async function setFileSize(file: Fd, sizeBytes: number): Promise<void> {
  await callAsync(libc.ftruncate, [file.number, sizeBytes], { syscall: 'ftruncate', what: `to ${sizeBytes} bytes` });
}

/** Gives every byte of the range room on the disk, so that writing there cannot meet a full one. @throws KernelError ENOSPC, EOPNOTSUPP */
export async function reserveSpace(file: Fd, offset: number, length: number): Promise<void> {
  await callAsync(libc.fallocate, [file.number, 0, offset, length], {
    syscall: 'fallocate',
    what: `${length} bytes at ${offset}`,
  });
}

/** Gives blocks of the range that other files share a place of their own. @throws KernelError EOPNOTSUPP, ENOSPC */
export async function unshareSpace(file: Fd, offset: number, length: number): Promise<void> {
  await callAsync(libc.fallocate, [file.number, flags.FALLOC_FL_UNSHARE_RANGE, offset, length], {
    syscall: 'fallocate',
    what: `unshare ${length} bytes at ${offset}`,
  });
}

/** Gives the room of the range back: it reads as zeros. The size of the file stays. */
export async function punchHole(file: Fd, offset: number, length: number): Promise<void> {
  const mode = flags.FALLOC_FL_PUNCH_HOLE | flags.FALLOC_FL_KEEP_SIZE;
  await callAsync(libc.fallocate, [file.number, mode, offset, length], {
    syscall: 'fallocate',
    what: `punch ${length} bytes at ${offset}`,
  });
}

/** What was written to the file, and its size, is on the disk when it resolves. Also for a directory or a block device. */
export async function syncFile(file: Fd): Promise<void> {
  await callAsync(libc.fsync, [file.number], { syscall: 'fsync', what: file.path });
}

/** Everything written so far to the filesystem that holds the (readable) file is on disk when it resolves. */
export async function syncFilesystemOf(file: Fd): Promise<void> {
  await callAsync(libc.syncfs, [file.number], { syscall: 'syncfs', what: file.path });
}
