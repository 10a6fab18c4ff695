import type { TLSSocket } from 'node:tls';
import type { Upgrade } from '../http/listener.ts';
import type { ServerContext } from '../server-context.ts';
import { networkWords } from '../webhook/network-words.ts';
import { identityError } from '../webhook/server-identity.ts';
import { connectTls, joinSockets } from '../webhook/tls-connection.ts';
import { forwardedHeaders, type Headers } from './forwarded-headers.ts';
import { pathOf, type Remote, reasonOf } from './proxy-path.ts';
import { remoteTarget } from './remote-target.ts';

/** What an answer's head may have: more is no server's way to say that it changes its protocol. */
const mostHeadBytes = 64 * 1024;
/** How long a server may think about it. */
const headMs = 30_000;
/** How long a refusal may take to come (UpgradeAwareHandler's deadline). */
const refusalMs = 10_000;
const headEnd = Buffer.from('\r\n\r\n');
/** What belongs to the protocol that is changed to, and so to whoever ends it. */
const passedOn = /^(upgrade|sec-websocket-.*|x-stream-protocol-version)$/;

/**
 * Hands a connection that wants another protocol to the server behind an APIService, until either side ends
 * (apimachinery UpgradeAwareHandler). Refusals are written here.
 */
export async function forwardUpgrade(remote: Remote, upgrade: Upgrade): Promise<void> {
  const { socket, head, request } = upgrade;
  const { signal } = request;
  let far: TLSSocket;
  let answer: Head;
  try {
    if (!remote.api.available) return refuse(upgrade, 'service unavailable');
    far = await opened(remote, upgrade);
  } catch (error) {
    return refuse(upgrade, wordsOf(error));
  }
  try {
    answer = await headOf(far, remote.context, signal);
    const { status } = answer;
    if (status !== 101 && status < 400) throw new Error(`invalid upgrade response: status code ${status}`);
  } catch (error) {
    far.destroy();
    return refuse(upgrade, wordsOf(error));
  }
  if (head.length > 0) far.write(head);
  socket.write(answer.bytes);
  using lingering = lingeringSignal(remote.context, answer.status, signal);
  await joinSockets(socket, far, lingering.signal);
}

/** A refusal comes to its end soon; a connection that changed its protocol lasts as long as it likes. */
function lingeringSignal(
  { clock }: ServerContext,
  status: number,
  signal: AbortSignal,
): { readonly signal: AbortSignal } & Disposable {
  const end = new AbortController();
  const timer = status === 101 ? undefined : clock.schedule(refusalMs, () => end.abort());
  return { signal: AbortSignal.any([signal, end.signal]), [Symbol.dispose]: () => timer?.[Symbol.dispose]() };
}

async function opened({ context, apis, api }: Remote, { message, request }: Upgrade): Promise<TLSSocket> {
  const headers = { ...forwardedHeaders(request), ...protocolOf(message.rawHeaders), connection: 'Upgrade' };
  const path = pathOf(request);
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

/** As they were written: a list in several lines stays one. */
function protocolOf(rawHeaders: readonly string[]): Headers {
  const found: Record<string, string[]> = {};
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (passedOn.test(name)) found[name] = [...(found[name] ?? []), rawHeaders[i + 1] as string];
  }
  return found;
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

interface Head {
  readonly status: number;
  /** All that has come by then. */
  readonly bytes: Buffer;
}

/** How the server begins its answer. @throws Error – it is none, or does not come. */
function headOf(far: TLSSocket, { clock }: ServerContext, signal: AbortSignal): Promise<Head> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const settle = () => {
      timer[Symbol.dispose]();
      signal.removeEventListener('abort', ended);
      far.off('data', take).off('error', failed).off('close', ended);
      far.pause();
    };
    const failed = (error: unknown) => {
      settle();
      reject(error as Error);
    };
    const ended = () => failed(signal.aborted ? signal.reason : new Error('EOF'));
    const timer = clock.schedule(headMs, () => failed(new Error('context deadline exceeded')));
    const take = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const isWhole = bytes.includes(headEnd);
      if (!isWhole && bytes.length <= mostHeadBytes) return;
      const status = /^HTTP\/1\.[01] (\d{3})/.exec(bytes.toString('latin1', 0, 16))?.[1];
      if (!isWhole || status === undefined) return failed(new Error('malformed HTTP response'));
      settle();
      resolve({ status: Number(status), bytes });
    };
    far.on('data', take).once('error', failed).once('close', ended);
    signal.addEventListener('abort', ended, { once: true });
    if (signal.aborted) ended();
  });
}

function wordsOf(error: unknown): string {
  try {
    return reasonOf(error);
  } catch {
    return networkWords(error);
  }
}

function refuse({ socket }: Upgrade, why: string): void {
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
