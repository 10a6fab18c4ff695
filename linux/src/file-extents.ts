import { seek } from './copy-sparse.ts';
import * as flags from './flags.ts';
import { callAsync, libc } from './libc.ts';
import type { Fd } from './open-in-root.ts';

/** Bytes of a file, from `start` to before `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A stretch of a file that the disk holds. Holes, and what is reserved but was never written, are in none. */
export interface FileExtent extends Range {
  /** Where on the filesystem's disk `start` is; two files that share blocks have the same. */
  readonly physical: number;
  /** True where the disk holds it in another form (compressed), so that `physical` is where the whole extent begins. */
  readonly encoded: boolean;
  /** False where `physical` says nothing: it is in the inode, or not on the disk yet. */
  readonly located: boolean;
  /** True where another file has it too. */
  readonly shared: boolean;
}

/** linux/fiemap.h: struct fiemap, struct fiemap_extent, FIEMAP_FLAG_SYNC, FIEMAP_EXTENT_*. */
const headerBytes = 32;
const extentBytes = 56;
const syncFirst = 1;
const bits = {
  last: 0x1,
  unknown: 0x2,
  delayed: 0x4,
  encoded: 0x8,
  encrypted: 0x80,
  inline: 0x200,
  unwritten: 0x800,
  shared: 0x2000,
};

/** Extents asked for at once. */
const batch = 512;

/**
 * The extents of the range, in order (FS_IOC_FIEMAP).
 * @throws KernelError EOPNOTSUPP, ENOTTY – the filesystem does not tell.
 */
export async function* fileExtents(file: Fd, { start, end }: Range, signal?: AbortSignal): AsyncGenerator<FileExtent> {
  const map = Buffer.alloc(headerBytes + batch * extentBytes);
  for (let from = start; from < end; ) {
    signal?.throwIfAborted();
    map.fill(0, 0, headerBytes);
    map.writeBigUInt64LE(BigInt(from), 0);
    map.writeBigUInt64LE(BigInt(end - from), 8);
    map.writeUInt32LE(syncFirst, 16);
    map.writeUInt32LE(batch, 24);
    await callAsync(libc.ioctlPointer, [file.number, flags.IOCTL.fiemap, map], { syscall: 'ioctl', what: 'FIEMAP' });
    const count = map.readUInt32LE(20);
    if (count === 0) return;
    const before = from;
    let last = false;
    for (let index = 0; index < count; index++) {
      const at = map.subarray(headerBytes + index * extentBytes);
      const { extent, is } = extentAt(at);
      last ||= is(bits.last);
      from = extent.end;
      if (!is(bits.unwritten) && extent.end > start && extent.start < end) yield clipped(extent, { start, end });
    }
    if (last || from <= before) return;
  }
}

function extentAt(at: Buffer): { readonly extent: FileExtent; readonly is: (bit: number) => boolean } {
  const own = at.readUInt32LE(40);
  const is = (bit: number) => (own & bit) !== 0;
  const start = Number(at.readBigUInt64LE(0));
  const end = start + Number(at.readBigUInt64LE(16));
  const located = !is(bits.unknown) && !is(bits.delayed) && !is(bits.inline);
  const extent = {
    start,
    end,
    physical: Number(at.readBigUInt64LE(8)),
    encoded: is(bits.encoded),
    located,
    shared: is(bits.shared),
  };
  return { extent, is };
}

function clipped(extent: FileExtent, { start, end }: Range): FileExtent {
  const from = Math.max(extent.start, start);
  const physical = extent.encoded ? extent.physical : extent.physical + (from - extent.start);
  return { ...extent, start: from, end: Math.min(extent.end, end), physical };
}

/** The stretches of the range that are not holes, in order (lseek(2), SEEK_DATA). A filesystem without holes has one. */
export function* dataRanges(file: Fd, { start, end }: Range): Generator<Range> {
  for (let from = start; from < end; ) {
    const data = seek(file, from, flags.SEEK_DATA);
    if (data === undefined || data >= end) return;
    const hole = Math.min(seek(file, data, flags.SEEK_HOLE) ?? end, end);
    yield { start: data, end: hole };
    from = hole;
  }
}
