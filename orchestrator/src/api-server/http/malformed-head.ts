import type { IncomingMessage } from 'node:http';

/** What a connection is told of what is no request. */
export interface Refusal {
  readonly status: string;
  /** Absent: the status says it. */
  readonly text?: string;
}

export const badRequest: Refusal = { status: '400 Bad Request' };
export const unsupportedVersion: Refusal = { status: '505 HTTP Version Not Supported: unsupported protocol version' };
export const unsupportedCoding: Refusal = { status: '501 Not Implemented', text: 'Unsupported transfer encoding' };

/** What a host may be written with (Go's httpguts.ValidHostHeader). */
const host = /^[\w!$%&'()*+,.:;=[\]~-]*$/;

/**
 * What Node's parser takes and Go's server does not, with the answer that gets: other codings than chunks, other versions, no host
 * or two (RFC 9112 §3.2), a host that is none.
 */
export function malformedHead(message: IncomingMessage): Refusal | undefined {
  // Requests of HTTP/2 have a stream, and were read by rules of their own.
  if ('stream' in message) return undefined;
  const { headers, httpVersionMajor, httpVersionMinor, rawHeaders } = message;
  const { 'transfer-encoding': coding } = headers;
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return unsupportedCoding;
  // Go's server passes over codings of HTTP/1.0; who passed it on may have read them (RFC 9112 §6.1).
  if (httpVersionMajor < 1 || (coding !== undefined && httpVersionMinor === 0)) return badRequest;
  if (httpVersionMajor > 1) return unsupportedVersion;
  const hosts = rawHeaders.filter((_, i) => i % 2 === 1 && /^host$/i.test(rawHeaders[i - 1] as string));
  if (hosts.length > 1) return badRequest;
  if (hosts.length === 0 && httpVersionMinor > 0) return { status: '400 Bad Request: missing required Host header' };
  return host.test(hosts[0] ?? '') ? undefined : { status: '400 Bad Request: malformed Host header' };
}
