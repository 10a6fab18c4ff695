import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { type ConnectOptions, connectSocket, type Receiver } from './connect-socket.ts';
import { frame, RecordReader } from './record-marking.ts';

export interface RpcLinkEvents {
  /** One record has come whole. What it throws ends the link. */
  readonly onRecord: (record: Buffer) => void;
  /** Once, when the connection is over for whatever reason. */
  readonly onClose: (reason: Error) => void;
}

export interface RpcLinkOptions {
  readonly maxRecordBytes: number;
  /** Room for a record. */
  readonly allocate: (length: number) => Buffer;
  readonly events: RpcLinkEvents;
}

/** One TCP connection that carries records both ways. */
export class RpcLink implements Receiver {
  readonly #records: RecordReader;
  readonly #events: RpcLinkEvents;
  #socket: Socket | undefined;
  #closed = false;

  private constructor({ maxRecordBytes, allocate, events }: RpcLinkOptions) {
    this.#records = new RecordReader(maxRecordBytes, allocate);
    this.#events = events;
  }

  /** Connects; `onClose` is called only for links that came to be. */
  static async open(
    target: Omit<ConnectOptions, 'receive'>,
    options: RpcLinkOptions,
    signal: AbortSignal,
  ): Promise<RpcLink> {
    const link = new RpcLink(options);
    link.#attach(await connectSocket({ ...target, receive: link }, signal));
    return link;
  }

  get localPort(): number | undefined {
    return this.#socket?.localPort;
  }

  send(message: readonly Uint8Array[]): void {
    if (this.#closed || !this.#socket) return;
    this.#socket.cork();
    for (const chunk of frame(message)) this.#socket.write(chunk);
    this.#socket.uncork();
  }

  /** Ends the connection in order. */
  close(reason: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket?.destroy();
    this.#events.onClose(reason);
  }

  /** Breaks the connection off: neither side waits for the other, and the same port can be used again at once. */
  reset(reason: Error): void {
    if (!this.#closed) this.#socket?.resetAndDestroy();
    this.close(reason);
  }

  space(): Uint8Array {
    return this.#records.space();
  }

  received(bytes: number, space: Uint8Array): void {
    if (this.#closed) return;
    try {
      for (const record of this.#records.received(space, bytes)) this.#events.onRecord(record);
    } catch (error) {
      this.reset(error as Error);
    }
  }

  #attach(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', (error) => this.close(error));
    socket.on('end', () => this.close(new Error('the server closed the connection')));
    socket.on('close', () => this.close(new Error('the connection is closed')));
  }
}
