import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { readingHandleOf } from './reading-handle.ts';

/** Each takes more than half a millisecond: its client's certificate is verified, and the connection made ready. */
const finishedATurn = 10;

/**
 * Of handshakes whose clients answer at once a turn finishes as many as it has room for: who is still in one is not read until the next.
 * Node would finish all whose clients' answers the kernel tells of in one poll.
 */
export class FinishInTurns {
  readonly #begun = new Set<Socket>();
  #finished = 0;

  constructor(server: EventEmitter) {
    // Told of in the middle of reading what ended it.
    server.on('secureConnection', (socket) => this.#finish(socket));
    server.on('tlsClientError', (_error, socket) => this.#finish(socket));
  }

  begin(socket: Socket): void {
    this.#begun.add(socket);
    socket.once('close', () => this.#begun.delete(socket));
  }

  #finish(socket: TLSSocket): void {
    // What it encrypts.
    const { _parent: parent } = socket as { _parent?: Socket };
    if (!parent || !this.#begun.delete(parent)) return;
    if (++this.#finished === 1) setImmediate(() => this.#next());
    if (this.#finished === finishedATurn) for (const each of this.#begun) readingHandleOf(each)?.readStop();
  }

  #next(): void {
    const isFull = this.#finished >= finishedATurn;
    this.#finished = 0;
    if (isFull) for (const each of this.#begun) readingHandleOf(each)?.readStart();
  }
}
