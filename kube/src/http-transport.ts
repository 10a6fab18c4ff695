import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { type Clock, deadline, systemClock } from '@berth/kit';
import { ApiError, apiError } from './api-error.ts';
import type { Status } from './gen/types.ts';
import { AuthorizationSource, type Credentials } from './http-credentials.ts';
import { errorOfAnswer } from './http-status.ts';
import { lines } from './lines.ts';
import type { ApiRequest, Transport, WatchEvent } from './transport.ts';

export interface HttpTransportOptions extends Credentials {
  /** `https://host:port`, with a path where the API is served below one. */
  readonly server: string;
  /** PEM. */
  readonly ca?: string | Uint8Array;
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  readonly insecureSkipTlsVerify?: boolean;
  /** The name the server's certificate must have, where it is not the host's. */
  readonly tlsServerName?: string;
  readonly userAgent?: string;
  readonly clock?: Clock;
}

/** A watch that outlives its own timeout by this much has a dead connection. */
const watchGraceMs = 30_000;

/** Reaches an API server over HTTP(S), with connections kept for the next request. Disposing closes them. */
export function httpTransport(options: HttpTransportOptions): Transport & Disposable {
  return new HttpTransport(options);
}

class HttpTransport implements Transport, Disposable {
  readonly #options: HttpTransportOptions;
  readonly #base: URL;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #authorization: AuthorizationSource;
  readonly #clock: Clock;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
    this.#base = new URL(options.server);
    this.#clock = options.clock ?? systemClock;
    this.#authorization = new AuthorizationSource(options, this.#clock);
    const keep = { keepAlive: true, keepAliveMsecs: 30_000, noDelay: true };
    this.#agent =
      this.#base.protocol === 'http:'
        ? new HttpAgent(keep)
        : new HttpsAgent({
            ...keep,
            ...(options.ca === undefined ? {} : { ca: asPem(options.ca) }),
            ...(options.cert === undefined ? {} : { cert: asPem(options.cert) }),
            ...(options.key === undefined ? {} : { key: asPem(options.key) }),
            ...(options.tlsServerName === undefined ? {} : { servername: options.tlsServerName }),
            rejectUnauthorized: options.insecureSkipTlsVerify !== true,
          });
  }

  async request(request: ApiRequest, signal?: AbortSignal): Promise<unknown> {
    const answer = await this.#send(request, signal);
    const text = await this.#body(answer, signal);
    const status = answer.statusCode ?? 0;
    if (status >= 400) throw errorOfAnswer(status, text, request);
    if (text === '') return undefined;
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // A subresource such as a log answers plain text.
      return text;
    }
  }

  async *watch(request: ApiRequest, signal: AbortSignal): AsyncIterable<WatchEvent> {
    using limit = this.#watchLimit(request, signal);
    try {
      const answer = await this.#send(request, limit.signal);
      const status = answer.statusCode ?? 0;
      if (status >= 400) throw errorOfAnswer(status, await this.#body(answer, signal), request);
      for await (const line of lines(answer)) {
        const event = JSON.parse(line) as WatchEvent | { type: 'ERROR'; object: Status };
        if (event.type === 'ERROR') throw new ApiError(event.object);
        yield event;
      }
    } catch (error) {
      // A connection that breaks ends the watch as the server's own end does: the reader resumes.
      if (!limit.signal.aborted && !isBrokenStream(error)) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #watchLimit({ path }: ApiRequest, signal: AbortSignal) {
    const seconds = Number(new URL(path, this.#base).searchParams.get('timeoutSeconds') ?? 0);
    if (seconds > 0) return deadline(this.#clock, seconds * 1000 + watchGraceMs, signal);
    return { signal, [Symbol.dispose]: () => undefined };
  }

  async #send(request: ApiRequest, signal?: AbortSignal): Promise<IncomingMessage> {
    signal?.throwIfAborted();
    const body = request.body === undefined ? undefined : encodeBody(request.body);
    const headers = await this.#headers(request, body);
    for (let tries = 1; ; tries++) {
      try {
        return await this.#open(request, { headers, body, signal });
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        // The server closed an idle connection just as it was chosen; what changes nothing may be sent again.
        if (tries === 1 && request.method === 'GET' && isStale(error)) continue;
        throw unreachable(this.#options.server, error);
      }
    }
  }

  async #headers({ contentType }: ApiRequest, body: Buffer | undefined): Promise<Record<string, string>> {
    const authorization = await this.#authorization.header();
    return {
      accept: 'application/json',
      'user-agent': this.#options.userAgent ?? 'berth',
      ...(authorization === undefined ? {} : { authorization }),
      ...(body === undefined
        ? {}
        : { 'content-type': contentType ?? 'application/json', 'content-length': String(body.length) }),
    };
  }

  #open(
    { method, path }: ApiRequest,
    {
      headers,
      body,
      signal,
    }: { headers: Record<string, string>; body: Buffer | undefined; signal: AbortSignal | undefined },
  ): Promise<IncomingMessage> {
    const { protocol, hostname, port, pathname } = this.#base;
    const options: RequestOptions = {
      protocol,
      hostname: hostname.replace(/^\[|\]$/g, ''),
      ...(port === '' ? {} : { port }),
      method,
      path: pathname.replace(/\/$/, '') + path,
      headers,
      agent: this.#agent,
      ...(signal ? { signal } : {}),
    };
    return new Promise((resolve, reject) => {
      const call = protocol === 'http:' ? httpRequest(options, resolve) : httpsRequest(options, resolve);
      call.on('error', (error) => reject(Object.assign(error, { stale: call.reusedSocket })));
      call.end(body);
    });
  }

  async #body(answer: IncomingMessage, signal: AbortSignal | undefined): Promise<string> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of answer) chunks.push(chunk as Buffer);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw unreachable(this.#options.server, error);
    }
    return Buffer.concat(chunks).toString('utf8');
  }
}

const asPem = (value: string | Uint8Array) => (typeof value === 'string' ? value : Buffer.from(value));

function encodeBody(body: unknown): Buffer {
  return body instanceof Uint8Array ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
}

const brokenCodes = ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ETIMEDOUT'];

function isBrokenStream(error: unknown): boolean {
  return !(error instanceof ApiError) && brokenCodes.includes(String((error as { code?: unknown }).code));
}

function isStale(error: unknown): boolean {
  return (error as { stale?: boolean }).stale === true && isBrokenStream(error);
}

function unreachable(server: string, cause: unknown): ApiError {
  const reason =
    cause instanceof AggregateError
      ? cause.errors.map((each) => String(each.message)).join(', ')
      : String((cause as Error).message);
  return new ApiError(apiError('ServiceUnavailable', `API server ${server} cannot be reached: ${reason}`).status, {
    cause,
  });
}
