import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Clock } from '@berth/kit';
import { frameBody } from '../http/frame-body.ts';
import type { ClientRequest } from '../metrics/client-metrics.ts';
import { isLate } from '../request-end.ts';
import { CallError } from './call-error.ts';
import { networkWords } from './network-words.ts';
import { identityError } from './server-identity.ts';

/** A server outside and how to know it. */
export interface HttpsTarget {
  /** `https://host[:port]/path?query`, as messages name it. */
  readonly url: string;
  /** Sent in place of the URL's, as it is. */
  readonly path?: string;
  /** Where to connect, where the URL's name is none the resolver knows. */
  readonly connect?: { readonly host: string; readonly port: number };
  /** PEM; absent: the authorities that this system trusts. */
  readonly ca?: string;
  /** Other than the URL's host. */
  readonly serverName?: string;
  /** PEM of a client certificate. */
  readonly cert?: string;
  readonly key?: string;
  /** The server may be anyone. */
  readonly insecure?: boolean;
  readonly headers?: Readonly<Record<string, string | string[]>>;
}

export interface HttpsRequest {
  readonly target: HttpsTarget;
  readonly method: string;
  /** JSON, unless the target's headers say otherwise; a stream is sent as it comes. */
  readonly body?: string | Uint8Array | Readable;
}

export interface HttpsCall extends HttpsRequest {
  readonly timeoutMs: number;
  /** Whether it is the limit of a client for whatever it asks, which Go tells otherwise than the one of a request. */
  readonly isClientLimit?: boolean;
  /** Where an answer is known to be shorter than {@link maxAnswerBytes}. */
  readonly mostBytes?: number;
  /** How often a busy server is asked again when it says after how many seconds; never unless told. */
  readonly mostRetries?: number;
}

export interface HttpsAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An answer is never longer; what is sent here are reviews, key sets and converted lists. */
const maxAnswerBytes = 16 * 1024 * 1024;
const clientLimit = 'net/http: request canceled (Client.Timeout exceeded while awaiting headers)';
/** Go's default transport keeps idle connections as long. */
const idleMs = 90_000;

/** Calls servers outside this process over HTTPS: connections are kept and used again, redirects are not followed. */
export class HttpsCaller implements Disposable {
  readonly #clock: Clock;
  readonly #observe: (request: ClientRequest) => void;
  readonly #agent = new Agent({
    keepAlive: true,
    timeout: idleMs,
    maxFreeSockets: 16,
    scheduling: 'lifo',
    // The agent's own: with one of each request's no connection would be used again.
    checkServerIdentity: identityError,
    // As Go's roots: any certificate may be one, a server's own or an intermediate authority's.
    allowPartialTrustChain: true,
  });

  constructor(clock: Clock, observe: (request: ClientRequest) => void) {
    this.#clock = clock;
    this.#observe = observe;
  }

  /** @throws CallError – no connection, not in time, or more than is read of an answer; words as Go's. */
  async call(call: HttpsCall, signal: AbortSignal): Promise<HttpsAnswer> {
    const ended = new AbortController();
    const end = (why: string) => ended.abort(new CallError(why));
    const cancel = () => end(isLate(signal) ? 'context deadline exceeded' : 'context canceled');
    if (signal.aborted) cancel();
    signal.addEventListener('abort', cancel, { once: true });
    using _timer = this.#clock.schedule(call.timeoutMs, () =>
      end(call.isClientLimit ? clientLimit : 'context deadline exceeded'),
    );
    try {
      return await this.#asked(call, ended.signal);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  /** The answer as it comes, as long as it takes: whoever asks for it reads it. @throws CallError – there is no connection. */
  async open(request: HttpsRequest, signal: AbortSignal): Promise<IncomingMessage> {
    try {
      return await this.#send(request, signal);
    } catch (error) {
      if (!signal.aborted) throw callError(request, signal, error);
      throw new CallError('context canceled');
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #asked(call: HttpsCall, signal: AbortSignal): Promise<HttpsAnswer> {
    for (let retries = call.mostRetries ?? 0; ; retries--) {
      const answer = await this.#exchange(call, signal);
      const pauseMs = pauseOf(answer);
      if (pauseMs === undefined || retries === 0) return answer;
      await this.#clock.sleep(pauseMs, signal).catch((error: unknown) => {
        throw callError(call, signal, error);
      });
    }
  }

  async #exchange(call: HttpsCall, signal: AbortSignal): Promise<HttpsAnswer> {
    let message: IncomingMessage;
    try {
      message = await this.#send(call, signal);
    } catch (error) {
      throw callError(call, signal, error);
    }
    try {
      return {
        status: message.statusCode ?? 0,
        headers: message.headers,
        body: await readAnswer(unpacked(message), call.mostBytes),
      };
    } catch (error) {
      if (error instanceof CallError) throw error;
      const why = signal.aborted ? (signal.reason as CallError).message : networkWords(error);
      throw new CallError(`unexpected error when reading response body. Please retry. Original error: ${why}`);
    }
  }

  async #send(call: HttpsRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const beganMs = this.#clock.monotonicMs();
    let code: ClientRequest['code'] = '<error>';
    try {
      const answer = await this.#sendAgain(call, signal);
      code = answer.statusCode ?? 0;
      return answer;
    } finally {
      const seconds = (this.#clock.monotonicMs() - beganMs) / 1000;
      this.#observe({ host: new URL(call.target.url).host, method: call.method, code, seconds });
    }
  }

  async #sendAgain(call: HttpsRequest, signal: AbortSignal): Promise<IncomingMessage> {
    for (let tries = 1; ; tries++) {
      let reused = false;
      try {
        return await sendOnce(call, { agent: this.#agent, signal }, (wasReused) => {
          reused = wasReused;
        });
      } catch (error) {
        // A kept connection may have ended while the request was on its way to it.
        const once = call.body instanceof Readable;
        if (once || !reused || tries > 2 || (error as { code?: string }).code !== 'ECONNRESET') throw error;
      }
    }
  }
}

/** After how long a busy server wants to be asked again (client-go rest/with_retry.go, checkWait). */
function pauseOf({ status, headers }: HttpsAnswer): number | undefined {
  const after = headers['retry-after'] ?? '';
  return (status === 429 || status >= 500) && /^[+-]?\d{1,9}$/.test(after)
    ? Math.max(0, Number(after)) * 1000
    : undefined;
}

interface Way {
  readonly agent: Agent;
  readonly signal: AbortSignal;
}

function sendOnce(
  call: HttpsRequest,
  { agent, signal }: Way,
  failed: (reused: boolean) => void,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = httpsRequest({ ...optionsOf(call), agent, signal }, resolve);
    sent.on('error', (error) => {
      failed(sent.reusedSocket);
      reject(error);
    });
    // Node would leave the request without an answer.
    sent.once('upgrade', ({ headers }, socket) => {
      socket.destroy();
      reject(
        new Error(`backend tried to switch protocol ${JSON.stringify(headers.upgrade ?? '')} when "" was requested`),
      );
    });
    if (call.body instanceof Readable) {
      frameBody(sent);
      pipeline(call.body, sent, () => undefined);
    } else sent.end(call.body);
  });
}

function optionsOf({ target, method, body }: HttpsRequest): RequestOptions {
  const { connect, ca, cert, key } = target;
  const url = new URL(target.url);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const serverName = target.serverName ?? host;
  return {
    method,
    host: connect?.host ?? host,
    port: connect?.port ?? Number(url.port || 443),
    path: target.path ?? `${url.pathname}${url.search}`,
    // A name goes into the handshake, an address does not (RFC 6066 §3).
    servername: isIP(serverName) === 0 ? serverName : '',
    rejectUnauthorized: target.insecure !== true,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    headers: {
      // With its port also where that is the usual one, if the URL has it.
      host: target.url.slice('https://'.length).split(/[/?]/, 1)[0],
      accept: 'application/json, */*',
      'user-agent': 'kube-apiserver-admission',
      ...(body === undefined || body instanceof Readable
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
      ...target.headers,
    },
  };
}

export function isPacked({ headers }: IncomingMessage): boolean {
  return headers['content-encoding']?.toLowerCase() === 'gzip';
}

/** What came packed is unpacked, as Go's transport does: some servers pack whoever asks. */
export function unpacked(message: IncomingMessage): Readable {
  if (!isPacked(message)) return message;
  return pipeline(message, createGunzip(), () => undefined);
}

async function readAnswer(message: Readable, mostBytes = maxAnswerBytes): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    length += chunk.byteLength;
    // Leaving the loop destroys the connection with what is left of the answer.
    if (length > mostBytes) throw new CallError(`response body is larger than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

function callError({ target, method }: HttpsRequest, signal: AbortSignal, error: unknown): CallError {
  const why = signal.aborted ? (signal.reason as CallError).message : networkWords(error);
  const verb = method.charAt(0) + method.slice(1).toLowerCase();
  return new CallError(`${verb} ${JSON.stringify(target.url)}: ${why}`, { cause: error });
}
