/** The peer broke the SPDY protocol; the connection is closed. */
export class SpdyError extends Error {
  override readonly name = 'SpdyError';
}
