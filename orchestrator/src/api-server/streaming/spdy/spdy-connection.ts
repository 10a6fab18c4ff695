import type { Duplex } from 'node:stream';
import { controlFrame, dataFrames, type Frame, FrameReader, finFlag, frameTypes, numbers } from './frame.ts';
import { HeaderReader, HeaderWriter } from './header-block.ts';
import { SpdyError } from './spdy-error.ts';
import { SpdyStream, type StreamSink } from './spdy-stream.ts';

const protocolError = 1;
const refusedStream = 3;
const cancel = 5;
/** More than any kubectl opens at once; each costs a buffer. */
const maxStreams = 1024;

/**
 * The server's end of a SPDY/3.1 connection over any duplex. Peers open streams; each is accepted and given to
 * `onStream`. Windows are granted as data is read but not enforced when sending: the clients of this protocol
 * (moby/spdystream) never grant any, and TCP holds the sender back.
 */
export class SpdyConnection implements StreamSink, Disposable {
  readonly #transport: Duplex;
  readonly #onStream: (stream: SpdyStream) => void;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #headerWriter = new HeaderWriter();
  #lastId = 0;
  #closing = false;

  constructor(transport: Duplex, onStream: (stream: SpdyStream) => void) {
    this.#transport = transport;
    this.#onStream = onStream;
    transport.on('error', () => undefined);
  }

  /** Serves until the connection ends, then ends its streams. Never throws: a peer that breaks the rules is cut off. */
  async serve(head: Buffer = Buffer.alloc(0)): Promise<void> {
    using headers = new HeaderReader();
    const reader = new FrameReader();
    try {
      for (const frame of reader.push(head)) await this.#handle(frame, headers);
      for await (const chunk of this.#transport.iterator({ destroyOnReturn: false })) {
        for (const frame of reader.push(chunk as Buffer)) await this.#handle(frame, headers);
      }
    } catch (error) {
      if (error instanceof SpdyError) this.#goAway(protocolError);
    } finally {
      this.#closing = true;
      for (const stream of [...this.#streams.values()]) stream.abandon();
      this.#transport.end(() => this.#transport.destroy());
    }
  }

  /** Says goodbye and closes, after what was written is on its way. */
  close(): void {
    if (!this.#closing) this.#goAway(0);
    this.#closing = true;
    if (!this.#transport.writableEnded) this.#transport.end();
  }

  [Symbol.dispose](): void {
    this.close();
    this.#transport.destroy();
  }

  send(streamId: number, data: Uint8Array, fin: boolean, done: (error?: Error | null) => void): void {
    this.#write(dataFrames(streamId, data, fin), done);
  }

  reset(streamId: number, status = cancel): void {
    this.#write(controlFrame(frameTypes.rstStream, numbers(streamId, status)));
  }

  forget(streamId: number): void {
    this.#streams.delete(streamId);
  }

  #goAway(status: number): void {
    this.#write(controlFrame(frameTypes.goAway, numbers(this.#lastId, status)));
  }

  #write(bytes: Buffer, done?: (error?: Error | null) => void): void {
    if (this.#transport.destroyed || this.#transport.writableEnded) {
      done?.(new SpdyError('the connection is closed'));
      return;
    }
    this.#transport.write(bytes, done);
  }

  async #handle(frame: Frame, headers: HeaderReader): Promise<void> {
    if (frame.type === 'data') return this.#data(frame);
    const { kind, payload } = frame;
    if (kind === frameTypes.synStream) return this.#open(frame, headers);
    if (kind === frameTypes.synReply || kind === frameTypes.headers) {
      // Of no use to a server, but each block moves the compression on.
      await headers.read(payload.subarray(4));
    } else if (kind === frameTypes.rstStream && payload.length >= 8) {
      this.#streams.get(payload.readUInt32BE(0) & 0x7fffffff)?.abandon();
    } else if (kind === frameTypes.ping && payload.length >= 4) {
      // Odd ones are the client's and come back; even ones would be ours.
      if (payload.readUInt32BE(0) % 2 === 1) this.#write(controlFrame(frameTypes.ping, payload.subarray(0, 4)));
    }
  }

  async #data({ streamId, data, fin }: Extract<Frame, { type: 'data' }>): Promise<void> {
    const stream = this.#streams.get(streamId);
    if (!stream) {
      if (data.length > 0 && streamId > this.#lastId) this.reset(streamId, protocolError);
      return;
    }
    await stream.deliver(data);
    if (data.length > 0 && !this.#closing) this.#grant(streamId, data.length);
    if (fin) stream.deliverEnd();
  }

  #grant(streamId: number, bytes: number): void {
    const stream = controlFrame(frameTypes.windowUpdate, numbers(streamId, bytes));
    const connection = controlFrame(frameTypes.windowUpdate, numbers(0, bytes));
    this.#write(Buffer.concat([stream, connection]));
  }

  async #open({ payload, flags }: Extract<Frame, { type: 'control' }>, headers: HeaderReader): Promise<void> {
    if (payload.length < 10) throw new SpdyError('a SYN_STREAM is cut short');
    const id = payload.readUInt32BE(0) & 0x7fffffff;
    const block = await headers.read(payload.subarray(10));
    if (id % 2 === 0 || id <= this.#lastId) throw new SpdyError('a stream id that is not the next');
    this.#lastId = id;
    if (this.#closing || this.#streams.size >= maxStreams) return this.reset(id, refusedStream);
    const stream = new SpdyStream(id, block, this);
    this.#streams.set(id, stream);
    this.#write(controlFrame(frameTypes.synReply, Buffer.concat([numbers(id), this.#headerWriter.write({})])));
    if (flags & finFlag) stream.deliverEnd();
    this.#onStream(stream);
  }
}
