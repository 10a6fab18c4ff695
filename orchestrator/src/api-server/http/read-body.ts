import type { Readable } from 'node:stream';
import { apiError } from '@berth/kube';

/** Upstream's limit on what it reads of a request (resource decoding limits in generic config). */
export const maxBodyBytes = 3 * 1024 * 1024;

/** Reads a request's body whole. @throws ApiError RequestEntityTooLarge – stops reading there. */
export async function readBody(stream: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength;
    if (length > maxBodyBytes)
      throw apiError('RequestEntityTooLarge', `Request entity too large: limit is ${maxBodyBytes}`);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, length);
}
