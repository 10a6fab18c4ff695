import { Duplex } from 'node:stream';
import { isAbort } from '@berth/kit';
import type { SpdyHeaders } from './header-block.ts';

/** What a stream asks of its connection. */
export interface StreamSink {
  send(streamId: number, data: Uint8Array, fin: boolean, done: (error?: Error | null) => void): void;
  reset(streamId: number): void;
  /** Both sides have ended, or the stream was destroyed. */
  forget(streamId: number): void;
}

/** How much a slow reader may leave unread before the whole connection waits for it. */
const bufferBytes = 256 * 1024;

/** One stream of a SPDY connection; ending it sends FIN, destroying it before its end RST_STREAM. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: SpdyHeaders;
  readonly #sink: StreamSink;
  #readEnded = false;
  #writeEnded = false;
  #abandoned = false;
  #wake: (() => void) | undefined;

  constructor(id: number, headers: SpdyHeaders, sink: StreamSink) {
    super({ allowHalfOpen: true, readableHighWaterMark: bufferBytes });
    this.id = id;
    this.headers = headers;
    this.#sink = sink;
    // A peer's reset is no fault of the process; readers and writers see the stream close.
    this.on('error', () => undefined);
  }

  /** Gives data of the peer to the reader; resolves when there is room for more. */
  deliver(data: Uint8Array): Promise<void> {
    if (this.destroyed || this.#readEnded || data.length === 0 || this.push(data)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** The peer sent FIN. */
  deliverEnd(): void {
    if (this.#readEnded) return;
    this.#readEnded = true;
    if (!this.destroyed) this.push(null);
    this.#settle();
  }

  /** The peer reset the stream, or the connection is gone: nothing more is sent. */
  abandon(error?: Error): void {
    this.#readEnded = true;
    this.#writeEnded = true;
    this.#abandoned = true;
    this.destroy(error);
  }

  override _read(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#sink.send(this.id, chunk, false, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#sink.send(this.id, Buffer.alloc(0), true, (error) => {
      this.#writeEnded = true;
      this.#settle();
      done(error);
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // Readers that iterate destroy what they have read to its end, as Node aborts: no fault to tell the peer about.
    const faulty = error !== null && !isAbort(error);
    const orderly = this.#readEnded && !faulty && this.writableLength === 0;
    if (orderly && !this.#writeEnded) this.#sink.send(this.id, Buffer.alloc(0), true, () => undefined);
    else if (!orderly && !this.#abandoned) this.#sink.reset(this.id);
    this.#sink.forget(this.id);
    this._read();
    done(error);
  }

  #settle(): void {
    if (this.#readEnded && this.#writeEnded) this.#sink.forget(this.id);
  }
}
