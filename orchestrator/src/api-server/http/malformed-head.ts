import type { IncomingMessage } from 'node:http';

export const badRequest = '400 Bad Request';

/** What a host may be written with (Go's httpguts.ValidHostHeader). */
const host = /^[\w!$%&'()*+,.:;=[\]~-]*$/;

/** What Node's parser takes and Go's server does not, with the answer that gets: other versions, two hosts (RFC 9112 §3.2), a host that is none. */
export function malformedHead(message: IncomingMessage): string | undefined {
  // Requests of HTTP/2 have a stream, and were read by rules of their own.
  if ('stream' in message) return undefined;
  const { httpVersionMajor, rawHeaders } = message;
  if (httpVersionMajor < 1) return badRequest;
  if (httpVersionMajor > 1) return '505 HTTP Version Not Supported: unsupported protocol version';
  const hosts = rawHeaders.filter((_, i) => i % 2 === 1 && /^host$/i.test(rawHeaders[i - 1] as string));
  if (hosts.length > 1) return badRequest;
  return host.test(hosts[0] ?? '') ? undefined : '400 Bad Request: malformed Host header';
}
