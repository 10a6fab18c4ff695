import type { Http2Stream, ServerHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';
import { turns } from '../decoding/turns.ts';
import { hearRefused } from './hear-refused.ts';
import { type ReadingHandle, readingHandleOf } from './reading-handle.ts';

/** In units of {@link turns}, of one turn: five milliseconds. Reading goes on to the end of what was decrypted at once, of 16 KiB. */
const unitsATurn = 25_000;
/** What Node computes of a request that begins, whatever it asks. */
const requestCost = 300;
/** Of a header, which may take one byte to send. */
const fieldCost = 5;

/** A connection of HTTP/2, which Node's library reads without asking anyone. */
class Connection {
  /** Not read until what it asked for has begun, and others were read. */
  isHeld = false;
  #bytesRead = 0;
  readonly #session: ServerHttp2Session;

  constructor(session: ServerHttp2Session) {
    this.#session = session;
  }

  stop(): void {
    this.#handle?.readStop();
  }

  start(): void {
    this.#handle?.readStart();
  }

  /** Whether it was since this was asked. */
  wasRead(): boolean {
    const before = this.#bytesRead;
    this.#bytesRead = this.#handle?.bytesRead ?? before;
    return this.#bytesRead !== before;
  }

  get #handle(): ReadingHandle | undefined {
    if (this.#session.destroyed) return undefined;
    const { socket } = this.#session;
    return socket.destroyed ? undefined : readingHandleOf(socket);
  }
}

/** All connections of HTTP/2, and what their clients had the turn of the event loop read that is going on. */
class Reading {
  readonly #open = new Map<object, Connection>();
  /** Held, until a turn comes that has room for them. */
  #waiting: Connection[] = [];
  #spent = 0;
  #isFull = false;
  #isArmed = false;
  #isRefusedHeard = false;

  open(session: ServerHttp2Session): void {
    this.#open.set(session, new Connection(session));
    session.once('close', () => this.#open.delete(session));
    if (!this.#isRefusedHeard)
      session.once('stream', (stream) => {
        this.#isRefusedHeard ||= hearRefused(stream, () => this.#refused());
      });
  }

  spend(session: object | undefined, units: number): void {
    const connection = this.#open.get(session as object);
    if (!connection) return;
    this.#spent += units;
    this.#arm();
    if (this.#spent > unitsATurn) this.#fill(connection);
    // Node reads on by itself once it has written.
    else if (connection.isHeld) connection.stop();
  }

  /**
   * Node has refused a request, and with it perhaps a hundred more: it tells of them once their refusals are sent. Nobody knows whose they
   * were: any of those that were read.
   */
  #refused(): void {
    this.#arm();
    if (this.#isFull) return;
    this.#stopAll();
    for (const each of this.#open.values()) if (each.wasRead()) this.#hold(each);
  }

  #fill(connection: Connection): void {
    if (!this.#isFull) this.#stopAll();
    connection.stop();
    this.#hold(connection);
  }

  #stopAll(): void {
    for (const each of this.#open.values()) each.stop();
    this.#isFull = true;
  }

  #hold(connection: Connection): void {
    if (connection.isHeld) return;
    connection.isHeld = true;
    const wait = () => {
      this.#waiting.push(connection);
      this.#arm();
    };
    // Behind what it asked for: no more than one piece of what it sends waits here.
    const pause = turns.arrive(0);
    if (pause) void pause.then(wait);
    else wait();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(() => this.#next());
  }

  #next(): void {
    this.#isArmed = false;
    this.#spent = 0;
    if (this.#isFull) {
      this.#isFull = false;
      for (const each of this.#open.values()) if (!each.isHeld) each.start();
      if (this.#waiting.length > 0) this.#arm();
      return;
    }
    // All others were read in this turn, and it had room.
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) {
      each.isHeld = false;
      each.start();
    }
  }
}

/** A thread has one event loop. */
const reading = new Reading();

/**
 * Once a turn has read as many heads and small pieces of HTTP/2 as it has room for, no connection is read until the next. Node would read half a
 * megabyte of each whose client sends, in one turn: of headers that take a byte each, half a million.
 */
export function pauseReading(session: ServerHttp2Session): void {
  reading.open(session);
  session.on('stream', (stream, _headers, _flags, rawHeaders) => {
    reading.spend(session, requestCost + fieldsOf(rawHeaders));
    // Of one that has no body there are none.
    if (!stream.endAfterHeaders)
      stream.once('trailers', (_trailers: object, _its: number, rawTrailers: string[]) =>
        reading.spend(session, fieldsOf(rawTrailers)),
      );
  });
}

function fieldsOf(raw: readonly string[]): number {
  return (raw.length / 2) * fieldCost;
}

/** A small piece of a body has been read. */
export function pieceRead(stream: Duplex): void {
  reading.spend((stream as Partial<Http2Stream>).session, pieceCost);
}

/** Of a piece of a body, which may be a byte: Node's library and ours handle each. */
const pieceCost = 25;
