import type { IncomingHttpHeaders } from 'node:http';
import { tlsSocketOf } from '../http/incoming-request.ts';
import type { ServerRequest } from '../server-request.ts';
import type { User } from '../user.ts';

export type Headers = Record<string, string | string[]>;

/** What is meant for one connection, not for those behind it (RFC 9110 §7.6.1). */
const ofConnection = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'http2-settings',
]);

/** What says who asks: found out here, and told in headers of ours alone. */
const identity = /^(authorization|impersonate-.*|x-remote-(user|uid|group|extra-.*))$/;

/** What a client sent, for the server behind this one (apiserver/pkg/util/proxy NewRequestForProxy). */
export function forwardedHeaders({ wire, accept, contentType, userAgent }: ServerRequest): Headers {
  if (!wire)
    return {
      ...(accept === undefined ? {} : { accept }),
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
      ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
    };
  const { headers } = wire.message;
  const address = tlsSocketOf(wire.message)?.remoteAddress;
  const way = [headers['x-forwarded-for'] ?? [], address ?? []].flat();
  return {
    ...without(headers, (name) => identity.test(name) || name === 'host' || name === 'expect' || name.startsWith(':')),
    'audit-id': wire.auditId,
    ...(way.length > 0 ? { 'x-forwarded-for': way.join(', ') } : {}),
  };
}

/** What belongs to the protocol that is changed to, and so to whoever ends it. */
const ofProtocol = /^(upgrade|sec-websocket-.*|x-stream-protocol-version)$/;

/** What a client that wants another protocol says of it, as it was written: a list in several lines stays one. */
export function protocolHeaders(rawHeaders: readonly string[]): Headers {
  const found: Record<string, string[]> = {};
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (ofProtocol.test(name)) found[name] = [...(found[name] ?? []), rawHeaders[i + 1] as string];
  }
  return { ...found, connection: 'Upgrade' };
}

/** Pages of elsewhere read what this server says they may, not what those behind it say (UpgradeAwareHandler's corsRemovingTransport). */
const forPages = /^access-control-allow-(credentials|headers|methods|origin)$/;

/** What another server answered, for the client. */
export function answeredHeaders(headers: IncomingHttpHeaders): Headers {
  return without(headers, (name) => forPages.test(name));
}

function without(headers: IncomingHttpHeaders, isLeftOut: (name: string) => boolean): Headers {
  const named = new Set(`${headers.connection ?? ''}`.toLowerCase().split(/\s*,\s*/));
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || ofConnection.has(name) || named.has(name) || isLeftOut(name) ? [] : [[name, value]],
    ),
  );
}

/** Who asks, in the headers a front proxy writes (client-go SetAuthProxyHeaders). */
export function identityHeaders({ name, uid, groups, extra = {} }: User): Headers {
  const headers: Headers = { 'x-remote-user': bytes(name), 'x-remote-group': groups.map(bytes) };
  if (uid) headers['x-remote-uid'] = bytes(uid);
  for (const [key, values] of Object.entries(extra)) headers[`x-remote-extra-${escapedKey(key)}`] = values.map(bytes);
  return headers;
}

/** Header fields are bytes. */
function bytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** What no header's name can have is escaped; their case tells nothing. */
function escapedKey(key: string): string {
  return [...Buffer.from(key)]
    .map((code) => {
      const char = String.fromCharCode(code);
      const isLegal = /[!#$&'*+.^_`|~0-9A-Za-z-]/.test(char);
      return isLegal ? char.toLowerCase() : `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
