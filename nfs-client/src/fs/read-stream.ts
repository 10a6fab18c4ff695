import { Buffer } from 'node:buffer';
import { badReply } from '../nfs-error.ts';
import type { ByteRange, NfsFile, ReadResult } from '../protocol/nfs-file.ts';
import type { ReadOptions } from './nfs-client.ts';

/** At a megabyte a read, enough to keep a gigabit link with 30 ms of delay busy; more falls out of the processor's cache. */
const readsAhead = 4;

interface StreamOptions extends Pick<ReadOptions, 'offset' | 'length'> {
  readonly chunkBytes: number;
  /** Told of each chunk when the next is asked for. */
  readonly giveBack?: ((data: Uint8Array) => void) | undefined;
}

/** Reads a file's range in order, with several reads under way. Ends at the file's end, also where it moved meanwhile. */
export async function* readStream(
  file: NfsFile,
  { offset = 0, length = Number.MAX_SAFE_INTEGER - offset, chunkBytes, giveBack }: StreamOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const ahead: Promise<ReadResult>[] = [];
  const limit = offset + length;
  let next = offset;
  try {
    while (true) {
      while (next < limit && (ahead.length === 0 || (ahead.length < readsAhead && next < file.attributes.sizeBytes))) {
        const range = { offset: next, length: Math.min(chunkBytes, limit - next) };
        const read = readWhole(file, range, either);
        read.catch(() => undefined);
        ahead.push(read);
        next += range.length;
      }
      const first = ahead.shift();
      if (!first) return;
      const { data, end } = await first;
      if (data.length > 0) yield data;
      giveBack?.(data);
      if (end) return;
    }
  } finally {
    stop.abort();
    await Promise.allSettled(ahead);
  }
}

/** A server may answer with less than asked; only the file's end ends a chunk early. */
async function readWhole(file: NfsFile, range: ByteRange, signal: AbortSignal): Promise<ReadResult> {
  const first = await file.read(range, signal);
  if (first.end || first.data.length === range.length) return first;
  const parts = [first.data];
  let got = first.data.length;
  let end = false;
  while (!end && got < range.length) {
    const part = await file.read({ offset: range.offset + got, length: range.length - got }, signal);
    if (part.data.length === 0 && !part.end) throw badReply('READ sends nothing and says there is more');
    parts.push(part.data);
    got += part.data.length;
    end = part.end;
  }
  return { data: Buffer.concat(parts), end };
}
