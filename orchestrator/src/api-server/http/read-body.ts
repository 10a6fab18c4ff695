import type { Readable } from 'node:stream';
import { apiError } from '@berth/kube';

/** Upstream's limit on what it reads of a request (resource decoding limits in generic config). */
export const maxBodyBytes = 3 * 1024 * 1024;

/**
 * Reads a request's body whole. `announced` are the bytes the client says it has, if it does.
 * @throws ApiError RequestEntityTooLarge – stops reading there, or does not begin.
 */
export async function readBody(stream: Readable, announced = 0): Promise<Uint8Array> {
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
  }
  return bytes.subarray(0, length);
}

/** There may be as many chunks as bytes: none is kept. */
function grown(bytes: Uint8Array, roomBytes: number): Uint8Array {
  const larger = Buffer.allocUnsafeSlow(Math.min(roomBytes, maxBodyBytes));
  larger.set(bytes);
  return larger;
}

function refuseOver(bytes: number): void {
  if (bytes > maxBodyBytes)
    throw apiError('RequestEntityTooLarge', `Request entity too large: limit is ${maxBodyBytes}`);
}
