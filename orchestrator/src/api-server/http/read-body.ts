import type { Readable } from 'node:stream';
import { apiError } from '@berth/kube';
import { breathe } from '../decoding/large-bodies.ts';

/** Upstream's limit on what it reads of a request (resource decoding limits in generic config). */
export const maxBodyBytes = 3 * 1024 * 1024;

/**
 * Reads a request's body whole. `announced` are the bytes the client says it has, if it does; `source` is what a body of
 * unknown length comes from.
 * @throws ApiError RequestEntityTooLarge – stops reading there, or does not begin.
 */
export async function readBody(stream: Readable, announced = 0, source?: Source): Promise<Uint8Array> {
  let bytes: Uint8Array = Buffer.alloc(0);
  let length = 0;
  refuseOver(announced);
  // Mostly it came with the head: an iterator costs a small request more than all else that is done with its body.
  if (announced > 0 && stream.readableLength === announced) {
    bytes = stream.read(announced) as Uint8Array;
    stream.resume();
    return bytes;
  }
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    const before = length;
    length += chunk.byteLength;
    refuseOver(length);
    if (before === 0) bytes = chunk;
    else {
      if (length > bytes.length) bytes = grown(bytes, Math.max(announced, 2 * length));
      bytes.set(chunk, before);
    }
    if (source) await pause(source);
  }
  return bytes.subarray(0, length);
}

/** There may be as many chunks as bytes: none is kept. */
function grown(bytes: Uint8Array, roomBytes: number): Uint8Array {
  const larger = Buffer.allocUnsafeSlow(Math.min(roomBytes, maxBodyBytes));
  larger.set(bytes);
  return larger;
}

interface Source {
  pause(): void;
  resume(): void;
}

/** Chunks of a byte each take a hundred times as long as their bytes; what the socket has is read in one turn, unless it is told not to. */
async function pause(source: Source): Promise<void> {
  source.pause();
  await breathe();
  source.resume();
}

function refuseOver(bytes: number): void {
  if (bytes > maxBodyBytes)
    throw apiError('RequestEntityTooLarge', `Request entity too large: limit is ${maxBodyBytes}`);
}
