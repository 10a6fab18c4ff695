import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { type GrpcCode, type GrpcError, grpcCodeOf, grpcError } from './grpc-error.ts';
import type { Http2Link } from './http2-link.ts';
import { framed, MessageReader, unescapeMessage } from './wire.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** The deadline sent with the call; DEADLINE_EXCEEDED after it. */
  readonly timeoutMs?: number;
}

/** What a call brings: messages, and its end once. */
export interface CallListener {
  onMessage(bytes: Buffer): void;
  onEnd(error: GrpcError | undefined): void;
}

/** What HTTP says of a call that no gRPC server answered (gRPC's http-grpc-status-mapping). */
const httpCodes: Readonly<Record<number, GrpcCode>> = {
  400: 'INTERNAL',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'UNIMPLEMENTED',
  429: 'UNAVAILABLE',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'UNAVAILABLE',
};

/** What the end of a stream without a status says (gRPC over HTTP/2, Errors). */
const resetCodes: Readonly<Record<number, GrpcCode>> = {
  [constants.NGHTTP2_CANCEL]: 'CANCELLED',
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: 'RESOURCE_EXHAUSTED',
  [constants.NGHTTP2_INADEQUATE_SECURITY]: 'PERMISSION_DENIED',
};

/** One call: messages there and back until its status, its deadline, its signal or {@link cancel} ends it. */
export class GrpcCall {
  readonly #link: Http2Link;
  readonly #listener: CallListener;
  readonly #reader = new MessageReader();
  readonly #signal: AbortSignal | undefined;
  readonly #timer: Disposable | undefined;
  /** Undefined until there is a connection; then what waits for it is sent. */
  #stream: ClientHttp2Stream | undefined;
  #session: ClientHttp2Session | undefined;
  #waiting: Buffer[] = [];
  #isHalfClosed = false;
  #httpStatus = 0;
  #status: IncomingHttpHeaders | undefined;
  #isRead = false;
  #isOver = false;

  constructor(link: Http2Link, head: OutgoingHttpHeaders, listener: CallListener, options: CallOptions) {
    const { signal, timeoutMs } = options;
    this.#link = link;
    this.#listener = listener;
    this.#signal = signal;
    link.count(1);
    if (timeoutMs !== undefined)
      this.#timer = link.clock.schedule(timeoutMs, () =>
        this.#end(grpcError('DEADLINE_EXCEEDED', `Deadline exceeded after ${timeoutMs / 1000} s`)),
      );
    const headers = timeoutMs === undefined ? head : { ...head, 'grpc-timeout': `${Math.ceil(timeoutMs)}m` };
    signal?.addEventListener('abort', this.cancel);
    const { session } = link;
    if (signal?.aborted) queueMicrotask(this.cancel);
    else if (session) this.#begin(session, headers);
    else
      link.connect().then(
        (made) => this.#begin(made, headers),
        (error: unknown) => this.#end(notConnected(error)),
      );
  }

  /** Nothing happens when the call has ended. `isLast`: no other follows. */
  send(message: Uint8Array, isLast = false): void {
    if (this.#isOver || this.#isHalfClosed) return;
    this.#isHalfClosed = isLast;
    const frame = framed(message);
    if (!this.#stream) this.#waiting.push(frame);
    else if (isLast) this.#stream.end(frame);
    else this.#stream.write(frame);
  }

  /** No more messages come before {@link resume}. */
  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  readonly cancel = (): void => this.#end(grpcError('CANCELLED', 'Cancelled on client'));

  #begin(session: ClientHttp2Session, headers: OutgoingHttpHeaders): void {
    if (this.#isOver) return;
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(headers);
    } catch (error) {
      // Not before whoever began it has it.
      return queueMicrotask(() => this.#end(notConnected(error)));
    }
    this.#stream = stream;
    this.#session = session;
    stream.on('response', (head) => {
      this.#httpStatus = Number(head[':status']);
      if (head['grpc-status'] !== undefined) this.#status = head;
    });
    stream.on('trailers', (trailers) => {
      this.#status = trailers;
      if (this.#isRead) this.#settle();
    });
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('end', () => {
      this.#isRead = true;
      if (this.#status) this.#settle();
    });
    // Why is told by its code, or by the end of the connection.
    stream.on('error', () => undefined);
    stream.on('close', () => this.#settle());
    const last = this.#isHalfClosed ? this.#waiting.pop() : undefined;
    for (const frame of this.#waiting) stream.write(frame);
    this.#waiting = [];
    if (last) stream.end(last);
  }

  #take(chunk: Buffer): void {
    if (this.#isOver) return;
    try {
      for (const message of this.#reader.take(chunk)) this.#listener.onMessage(message);
    } catch (error) {
      this.#end(grpcError('INTERNAL', `the answer cannot be read: ${String(error)}`, { cause: error }));
    }
  }

  /** The other side has ended it. */
  #settle(): void {
    const status = this.#status?.['grpc-status'];
    if (status === undefined) return this.#end(this.#withoutStatus());
    const code = grpcCodeOf(Number(status));
    if (code === 'OK') return this.#end(undefined);
    const message = unescapeMessage(String(this.#status?.['grpc-message'] ?? ''));
    this.#end(grpcError(code, message, { cause: this.#status }));
  }

  #withoutStatus(): GrpcError {
    const { rstCode } = this.#stream as ClientHttp2Stream;
    // It was certainly not carried out (RFC 9113, 8.7).
    if (rstCode === constants.NGHTTP2_REFUSED_STREAM) return notConnected('the stream was refused');
    if (this.#httpStatus !== 0 && this.#httpStatus !== 200)
      return grpcError(httpCodes[this.#httpStatus] ?? 'UNKNOWN', `the answer is HTTP ${this.#httpStatus}`);
    if (this.#session?.destroyed) return grpcError('UNAVAILABLE', 'Connection dropped');
    return grpcError(resetCodes[rstCode] ?? 'INTERNAL', `the stream ended without a status (${rstCode})`);
  }

  #end(error: GrpcError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.[Symbol.dispose]();
    this.#signal?.removeEventListener('abort', this.cancel);
    this.#link.count(-1);
    // What has ended already is not told of.
    if (error) this.#stream?.close(constants.NGHTTP2_CANCEL);
    this.#listener.onEnd(error);
  }
}

/** Begins the words of every call that was certainly not carried out. */
function notConnected(cause: unknown): GrpcError {
  // Of a host with several addresses each was tried.
  const last: unknown = cause instanceof AggregateError ? cause.errors.at(-1) : cause;
  return grpcError('UNAVAILABLE', `No connection established. Last error: ${String(last)}`, { cause });
}
