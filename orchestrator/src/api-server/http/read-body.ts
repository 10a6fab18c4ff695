import type { Readable } from 'node:stream';
import { apiError } from '@berth/kube';

/** Upstream's limit on what it reads of a request (resource decoding limits in generic config). */
export const maxBodyBytes = 3 * 1024 * 1024;

/**
 * Reads a request's body whole. `announced` are the bytes the client says it has, if it does.
 * @throws ApiError RequestEntityTooLarge – stops reading there, or does not begin.
 */
export async function readBody(stream: Readable, announced = 0): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  refuseOver(announced);
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength;
    refuseOver(length);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, length);
}

function refuseOver(bytes: number): void {
  if (bytes > maxBodyBytes)
    throw apiError('RequestEntityTooLarge', `Request entity too large: limit is ${maxBodyBytes}`);
}
