import type { TLSSocket } from 'node:tls';
import type { Upgrade } from '../http/listener.ts';
import { joinUpgraded } from '../webhook/join-upgraded.ts';
import { networkWords } from '../webhook/network-words.ts';
import { identityError } from '../webhook/server-identity.ts';
import { connectTls } from '../webhook/tls-connection.ts';
import { forwardedHeaders, type Headers, protocolHeaders } from './forwarded-headers.ts';
import { type Remote, reasonOf } from './proxy-path.ts';
import { remoteTarget } from './remote-target.ts';
import { sentTarget } from './sent-target.ts';

/**
 * Hands a connection that wants another protocol to the server behind an APIService, until either side ends
 * (apimachinery UpgradeAwareHandler). Refusals are written here.
 */
export async function forwardUpgrade(remote: Remote, upgrade: Upgrade): Promise<void> {
  const { socket, head, request } = upgrade;
  const { signal } = request;
  try {
    if (!remote.api.available) return refuse(upgrade, 'service unavailable');
    const far = await opened(remote, upgrade);
    await joinUpgraded({ near: socket, head, far, clock: remote.context.clock }, signal);
  } catch (error) {
    refuse(upgrade, wordsOf(error));
  }
}

async function opened({ context, apis, api }: Remote, { message, request }: Upgrade): Promise<TLSSocket> {
  const headers = { ...forwardedHeaders(request), ...protocolHeaders(message.rawHeaders) };
  const path = sentTarget(request);
  const ask = { path, user: request.user, client: apis.client, headers };
  const {
    connect,
    serverName = '',
    ca,
    cert,
    key,
    insecure,
    url,
    ...target
  } = await remoteTarget(context, api.spec, ask);
  const place = connect ?? { host: serverName, port: api.spec.service.port };
  const far = await connectTls(
    {
      ...place,
      servername: serverName,
      rejectUnauthorized: insecure !== true,
      checkServerIdentity: identityError,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    },
    request.signal,
  );
  const host = url.slice('https://'.length).split(/[/?]/, 1)[0] as string;
  far.write(requestHead(`${request.method} ${path}`, { host, ...target.headers }));
  return far;
}

/** @throws Error ERR_INVALID_CHAR – a value would end its line. */
function requestHead(line: string, headers: Readonly<Headers>): Buffer {
  const fields = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((one) => {
      if (/[\r\n\0]/.test(one)) throw Object.assign(new Error('invalid header'), { code: 'ERR_INVALID_CHAR' });
      return `${name}: ${one}\r\n`;
    }),
  );
  return Buffer.from(`${line} HTTP/1.1\r\n${fields.join('')}\r\n`, 'latin1');
}

function wordsOf(error: unknown): string {
  try {
    return reasonOf(error);
  } catch {
    return networkWords(error);
  }
}

function refuse({ socket, refuses }: Upgrade, why: string): void {
  refuses?.(503);
  const body = `${why}\n`;
  const head = [
    'HTTP/1.1 503 Service Unavailable',
    'Content-Type: text/plain; charset=utf-8',
    'X-Content-Type-Options: nosniff',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
