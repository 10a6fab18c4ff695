import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Writable } from 'node:stream';
import { ApiError } from '@berth/kube';
import type { AuditSubject } from '../audit/audit-subject.ts';
import type { AuditedRequest } from '../audit/audited-request.ts';
import type { Admitted } from '../flow-control/in-flight.ts';
import { clientGone, deadlineExceeded } from '../request-end.ts';
import { isLongRunning, type RequestInfo, requestInfoOf } from '../request-info.ts';
import { RequestLatencies } from '../request-latencies.ts';
import type { ServerRequest } from '../server-request.ts';
import type { UpgradeSocket } from '../streaming/accept-websocket.ts';
import type { User } from '../user.ts';
import { cutOff } from './cut-off.ts';
import type { HandlerParts } from './handler-parts.ts';
import { auditIdOf, closeAfter, serverRequest, tlsSocketOf } from './incoming-request.ts';
import { TimedOut, timeoutOf } from './request-deadline.ts';
import { type Reply, respondError } from './respond.ts';

/** One request, what is known of it so far, and its end: answered, given up by its client, or over its time. */
export class ServedRequest {
  readonly message: IncomingMessage;
  readonly info: RequestInfo;
  readonly reply: Reply;
  readonly auditId: string;
  audit: AuditedRequest | undefined;
  entry: Admitted | undefined;
  /** False: it is refused before anyone serves it. */
  isServed = false;
  readonly latencies: RequestLatencies;
  status = 200;
  /** From here on there is something on the wire. */
  answering = false;
  timeoutMs: number;
  readonly #parts: HandlerParts;
  readonly #startedAt: number;
  readonly #gone = new AbortController();
  readonly #ended: () => void;
  #deadline: Disposable | undefined;
  #late = false;
  #badTimeout: unknown;
  #bodyBytes: number | undefined;

  constructor(
    parts: HandlerParts,
    message: IncomingMessage,
    response: Http2ServerResponse,
    { upgrade, wanted }: { readonly upgrade?: UpgradeSocket; readonly wanted?: (() => void) | undefined } = {},
  ) {
    this.message = message;
    this.#parts = parts;
    this.#startedAt = parts.clock.monotonicMs();
    this.latencies = new RequestLatencies(this.#startedAt);
    this.timeoutMs = parts.requestTimeoutMs;
    // Why its body cannot be read on is told.
    const failed = (error: unknown) => error instanceof ApiError || this.#cutOff();
    for (const stream of [response, message]) (stream as Writable).on('error', failed);
    response.on('close', () => this.#cutOff());
    const warnings = new Set<string>();
    const bodyRead = (bytes: number) => {
      this.#bodyBytes = bytes;
    };
    const auditId = auditIdOf(message, parts.rng);
    this.auditId = auditId;
    const request = serverRequest(message, { signal: this.#gone.signal, auditId, warnings, wanted, bodyRead });
    this.info = requestInfoOf(request.method, request.path, request.query);
    const extra = { 'audit-id': auditId };
    const { clock } = parts;
    const isWatch = this.info.verb === 'watch';
    const watched: Reply['watched'] = (definition, bytes) => {
      this.reply.sentBytes = (this.reply.sentBytes ?? 0) + bytes;
      parts.metrics.watched(definition, bytes);
    };
    const { headers } = message;
    this.reply = {
      response,
      request,
      headers,
      warnings,
      clock,
      extra,
      ...(isWatch ? { watched } : {}),
      listed: () => parts.metrics.requests.watchListed(this.info, (clock.monotonicMs() - this.#startedAt) / 1000),
      upgrade,
      sentBytes: isWatch ? 0 : undefined,
    };
    this.#ended = parts.metrics.requests.begin(this.info, request.method);
    if (!isLongRunning(this.info)) this.#setDeadline(request.query);
  }

  /** Nobody waits for an answer any more, or somebody else gave it. */
  get isOver(): boolean {
    return this.#gone.signal.aborted;
  }

  /** @throws ApiError BadRequest – it names a timeout that is none. */
  checkTimeout(): void {
    if (this.#badTimeout) throw this.#badTimeout;
  }

  subject(user: User | undefined): AuditSubject {
    const { message, info } = this;
    const address = tlsSocketOf(message)?.remoteAddress;
    return { info, user, uri: message.url ?? '/', headers: message.headers, address };
  }

  /** From now on it is this user's. */
  become(user: User): ServerRequest {
    const { audit, latencies } = this;
    const deadline = this.#deadline ? { deadlineMs: this.#startedAt + this.timeoutMs } : {};
    this.reply.request = { ...this.reply.request, user, latencies, ...deadline, ...(audit ? { audit } : {}) };
    return this.reply.request;
  }

  /** No further request comes on its connection; over HTTP/2 the connection itself says so. */
  endConnection(): void {
    const { response } = this.reply;
    if (!response.stream) (response as unknown as ServerResponse).shouldKeepAlive = false;
  }

  /** What its client may have as long as it likes ends here, behind what it was told. */
  end(): void {
    const { response } = this.reply;
    const { stream } = response;
    const { socket } = response as unknown as ServerResponse;
    if (!stream) response.once('finish', () => socket?.destroySoon());
    if (this.answering) response.end();
    else (stream ?? socket)?.destroy();
    this.#gone.abort(clientGone);
  }

  [Symbol.dispose](): void {
    const { clock, metrics } = this.#parts;
    const { info, status, reply } = this;
    const { method, contentType, query } = reply.request;
    this.#deadline?.[Symbol.dispose]();
    this.entry?.finish();
    this.audit?.complete(status);
    this.#ended();
    if (this.isOver && !this.#late) metrics.requests.aborted(info, method);
    metrics.requests.finished({
      info,
      method,
      contentType,
      dryRun: query.get('dryRun') ?? '',
      code: status,
      isServed: this.isServed,
      secondsOfOthers: this.latencies.ofOthersMs / 1000,
      seconds: (clock.monotonicMs() - this.#startedAt) / 1000,
      answerBytes: reply.sentBytes,
      bodyBytes: this.#bodyBytes,
    });
  }

  #setDeadline(query: URLSearchParams): void {
    const { clock, requestTimeoutMs } = this.#parts;
    try {
      this.timeoutMs = timeoutOf(query, requestTimeoutMs);
    } catch (error) {
      this.#badTimeout = error;
    }
    this.#deadline = clock.schedule(this.timeoutMs, () => this.#expire());
  }

  /** What is being written to the store is written, as upstream has it; its client is told that it waited too long. */
  #expire(): void {
    const { response, request } = this.reply;
    if (this.isOver) return;
    this.#late = true;
    if (this.answering) {
      cutOff(response);
      this.#gone.abort(deadlineExceeded);
      return;
    }
    const error = new TimedOut();
    this.status = 504;
    this.audit?.failed(error.status);
    this.#parts.metrics.requests.terminated(this.info, request.method, 504);
    // Where its body has come whole, more requests may follow.
    if (!this.message.complete) closeAfter(this.message, response);
    void respondError(error, this.reply).catch((cause: unknown) =>
      this.#parts.log.debug('a client did not hear that its time is over', { cause }),
    );
    this.#gone.abort(deadlineExceeded);
  }

  #cutOff(): void {
    // Every response closes in the end, and an abort takes its time: only where there is work to give up.
    if (!this.reply.response.writableEnded) this.#gone.abort(clientGone);
  }
}
