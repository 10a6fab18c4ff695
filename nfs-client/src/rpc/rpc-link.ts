import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { frame, RecordReader } from './record-marking.ts';

export interface RpcLinkEvents {
  /** One record has come whole. What it throws ends the link. */
  readonly onRecord: (record: Buffer) => void;
  /** Once, when the connection is over for whatever reason. */
  readonly onClose: (reason: Error) => void;
}

/** One TCP connection that carries records both ways. */
export class RpcLink {
  readonly #socket: Socket;
  readonly #records: RecordReader;
  readonly #events: RpcLinkEvents;
  #closed = false;

  constructor(socket: Socket, maxRecordBytes: number, events: RpcLinkEvents) {
    this.#socket = socket;
    this.#records = new RecordReader(maxRecordBytes);
    this.#events = events;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (error) => this.close(error));
    socket.on('end', () => this.close(new Error('the server closed the connection')));
    socket.on('close', () => this.close(new Error('the connection is closed')));
  }

  get localPort(): number | undefined {
    return this.#socket.localPort;
  }

  send(message: readonly Uint8Array[]): void {
    if (this.#closed) return;
    this.#socket.cork();
    for (const chunk of frame(message)) this.#socket.write(chunk);
    this.#socket.uncork();
  }

  /** Ends the connection in order. */
  close(reason: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    this.#events.onClose(reason);
  }

  /** Breaks the connection off: neither side waits for the other, and the same port can be used again at once. */
  reset(reason: Error): void {
    if (!this.#closed) this.#socket.resetAndDestroy();
    this.close(reason);
  }

  #onData(chunk: Buffer): void {
    if (this.#closed) return;
    try {
      for (const record of this.#records.push(chunk)) this.#events.onRecord(record);
    } catch (error) {
      this.reset(error as Error);
    }
  }
}
