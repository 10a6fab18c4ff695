import type { ClientRequest } from 'node:http';

/**
 * Tells a server where a body ends that follows in pieces. Of methods that seldom have one Node tells nothing: what a client sends with
 * its GET would be the next request on that connection, in the name of whoever opened it.
 */
export function frameBody(sent: ClientRequest): void {
  if (!sent.hasHeader('content-length')) sent.setHeader('transfer-encoding', 'chunked');
}
