import { read, statSync } from 'node:fs';
import { promisify } from 'node:util';
import { dataRanges, type Fd, type FileExtent, fileExtents, isErrno, type Range } from '@berth/linux';
import type { ByteRange, SnapshotBlocks, SnapshotComparison } from '../backend.ts';
import type { ImageFiles } from './image-files.ts';

const readAsync = promisify(read);

/** What a changed byte is told as; also the block of every filesystem a pool is on. */
const blockBytes = 4096;

/** Read at once where two images are compared. */
const chunkBytes = 1024 ** 2;

/** Which blocks of image snapshots hold data, by what the pool's filesystem says about their files. */
export function imageBlocks(files: ImageFiles): SnapshotBlocks {
  return {
    sizeOf: (id) => {
      using file = files.openSnapshot(id);
      return statSync(file.path).size;
    },
    async *allocated(id, start) {
      using file = files.openSnapshot(id);
      const size = statSync(file.path).size;
      yield* joined(dataRanges(file, { start: down(start), end: size }), size);
    },
    async *changed(comparison, signal) {
      using base = files.openSnapshot(comparison.base);
      using target = files.openSnapshot(comparison.target);
      const size = statSync(target.path).size;
      yield* joined(differences({ base, target, size, comparison }, signal), size);
    },
  };
}

interface Pair {
  readonly base: Fd;
  readonly target: Fd;
  readonly size: number;
  readonly comparison: SnapshotComparison;
}

async function* differences(pair: Pair, signal: AbortSignal): AsyncGenerator<Range> {
  const { base, target, size, comparison } = pair;
  const range = { start: down(comparison.start), end: size };
  try {
    for await (const candidate of unshared([base, target], range, signal)) {
      if (comparison.exact) yield* unequal(pair, candidate, signal);
      else yield candidate;
    }
  } catch (error) {
    // A filesystem that does not tell where files are: then only their bytes do.
    if (!isErrno(error, 'EOPNOTSUPP', 'ENOTTY')) throw error;
    yield* unequal(pair, range, signal);
  }
}

/** Ranges that two files do not have in common: on different places of the disk, or in one of them only. */
async function* unshared(files: readonly [Fd, Fd], range: Range, signal: AbortSignal): AsyncGenerator<Range> {
  const [a, b] = files.map((file) => new Walk(fileExtents(file, range, signal))) as [Walk, Walk];
  try {
    for (let at = range.start; at < range.end; ) {
      const [left, right] = await Promise.all([a.at(at), b.at(at)]);
      const end = Math.min(range.end, left.end, right.end);
      if (!isSame(left, right, at)) yield { start: at, end };
      at = end;
    }
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

interface Stretch {
  /** Where the next stretch begins. */
  readonly end: number;
  /** Absent for a hole. */
  readonly extent?: FileExtent;
}

/** Both holes, or both the same place of the disk: whatever it holds, they share it. */
function isSame({ extent: a }: Stretch, { extent: b }: Stretch, at: number): boolean {
  if (!a || !b) return a === b;
  if (!a.located || !b.located || a.encoded !== b.encoded) return false;
  // An encoded extent is told by its beginning; what is at one offset of the image has one place in it.
  if (a.encoded) return a.physical === b.physical;
  return a.physical + (at - a.start) === b.physical + (at - b.start);
}

/** Goes through the extents of a file, holes between them included. */
class Walk {
  readonly #extents: AsyncGenerator<FileExtent>;
  #current: FileExtent | undefined;

  constructor(extents: AsyncGenerator<FileExtent>) {
    this.#extents = extents;
  }

  /** What is at an offset, which never becomes smaller. */
  async at(offset: number): Promise<Stretch> {
    while (!this.#current || this.#current.end <= offset) {
      const next = await this.#extents.next();
      if (next.done) return { end: Number.POSITIVE_INFINITY };
      this.#current = next.value;
    }
    const { start, end } = this.#current;
    return offset < start ? { end: start } : { end, extent: this.#current };
  }

  async close(): Promise<void> {
    await this.#extents.return(undefined);
  }
}

/** Blocks of the range that two files do not hold the same in; past its end, a file holds zeros. */
async function* unequal({ base, target }: Pair, { start, end }: Range, signal: AbortSignal): AsyncGenerator<Range> {
  const [a, b] = [Buffer.alloc(chunkBytes), Buffer.alloc(chunkBytes)];
  for (let from = down(start); from < end; from += chunkBytes) {
    signal.throwIfAborted();
    const length = Math.min(chunkBytes, end - from);
    await Promise.all([fill(base, a, { from, length }), fill(target, b, { from, length })]);
    if (a.compare(b, 0, length, 0, length) === 0) continue;
    for (let at = 0; at < length; at += blockBytes) {
      const to = Math.min(at + blockBytes, length);
      if (a.compare(b, at, to, at, to) !== 0) yield { start: from + at, end: from + to };
    }
  }
}

async function fill(file: Fd, into: Buffer, { from, length }: { from: number; length: number }): Promise<void> {
  let done = 0;
  while (done < length) {
    const { bytesRead } = await readAsync(file.number, into, done, length - done, from + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  into.fill(0, done, length);
}

/** Rising ranges as whole blocks, those that meet as one. */
async function* joined(ranges: AsyncIterable<Range> | Iterable<Range>, size: number): AsyncGenerator<ByteRange> {
  let open: Range | undefined;
  for await (const range of ranges) {
    const start = down(range.start);
    const end = Math.min(up(range.end), size);
    if (open && start <= open.end) open = { start: open.start, end: Math.max(open.end, end) };
    else {
      if (open) yield byteRange(open);
      open = { start, end };
    }
  }
  if (open) yield byteRange(open);
}

function byteRange({ start, end }: Range): ByteRange {
  return { offset: start, length: end - start };
}

function down(offset: number): number {
  return Math.floor(offset / blockBytes) * blockBytes;
}

function up(offset: number): number {
  return Math.ceil(offset / blockBytes) * blockBytes;
}
