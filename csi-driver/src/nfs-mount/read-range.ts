import { Buffer } from 'node:buffer';
import type { NfsFile } from '@berth/nfs-client';

export interface Range {
  readonly offset: number;
  readonly size: number;
  /** Most the server sends at a time. */
  readonly chunkBytes: number;
}

/** Reads a range whole; fewer bytes are the file's end. Its parts are asked for at the same time. */
export async function readRange(file: NfsFile, range: Range, signal: AbortSignal): Promise<Uint8Array> {
  const { offset, size, chunkBytes } = range;
  const starts = Array.from({ length: Math.ceil(size / chunkBytes) }, (_, index) => index * chunkBytes);
  const parts = await Promise.all(
    starts.map((at) => readPart(file, { offset: offset + at, length: Math.min(chunkBytes, size - at) }, signal)),
  );
  const [only] = parts;
  if (parts.length === 1 && only) return only;
  const short = parts.findIndex((part, index) => part.length < Math.min(chunkBytes, size - (starts[index] ?? 0)));
  return Buffer.concat(short < 0 ? parts : parts.slice(0, short + 1));
}

async function readPart(
  file: NfsFile,
  { offset, length }: { readonly offset: number; readonly length: number },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let got = 0;
  while (got < length) {
    const { data, end } = await file.read({ offset: offset + got, length: length - got }, signal);
    parts.push(data);
    got += data.length;
    if (end || data.length === 0) break;
  }
  const [only] = parts;
  return parts.length === 1 && only ? only : Buffer.concat(parts);
}
