import { constants, type Http2ServerResponse } from 'node:http2';
import type { Writable } from 'node:stream';

/**
 * Ends an answer that has begun so that its client sees that it is not whole, as Go's server does after a panic: an HTTP/2
 * stream that ends without an error's code is a whole answer to some clients.
 */
export function cutOff(response: Http2ServerResponse): void {
  if (response.stream) response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  else (response as unknown as Writable).destroy();
}
