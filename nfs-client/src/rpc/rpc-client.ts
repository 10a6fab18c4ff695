import { Backoff, type Clock, deadline, type Logger, messageOf, type Rng } from '@berth/kit';
import { isNfsError, NfsError } from '../nfs-error.ts';
import type { XdrReader } from '../xdr/xdr-reader.ts';
import type { XdrWriter } from '../xdr/xdr-writer.ts';
import { ByteBudget } from './byte-budget.ts';
import type { Credential } from './credentials.ts';
import { LentBuffers } from './lent-buffers.ts';
import { RpcLink } from './rpc-link.ts';
import { decodeReply, encodeCall, type RpcProcedure, xidOf } from './rpc-message.ts';

export interface RpcClientOptions {
  readonly host: string;
  readonly port: number;
  readonly privilegedPort?: boolean;
  /** A call is given up as TIMEDOUT after this long, connections and repetitions included. */
  readonly timeoutMs?: number;
  /** A call unanswered for this long makes the connection suspect: a new one is opened and all open calls are repeated on it. */
  readonly stallMs?: number;
  /** Requests and expected replies under way at a time; more wait. */
  readonly maxInFlightBytes?: number;
  /** Longest reply that is accepted. */
  readonly maxReplyBytes?: number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

export interface RpcCall extends RpcProcedure {
  readonly credential: Credential;
  readonly encode?: (writer: XdrWriter) => void;
  /** About how long the reply will be, for the budget of bytes in flight. */
  readonly replyBytes?: number;
}

export interface RpcReply {
  readonly results: XdrReader;
  /** The call was sent more than once: an earlier sending may have been carried out. */
  readonly resent: boolean;
}

interface Pending {
  readonly xid: number;
  readonly name: string;
  readonly message: readonly Uint8Array[];
  sentAtMs: number;
  sendings: number;
  readonly resolve: (reply: RpcReply) => void;
  readonly reject: (error: unknown) => void;
}

const defaults = {
  timeoutMs: 60_000,
  stallMs: 15_000,
  maxInFlightBytes: 16 * 2 ** 20,
  maxReplyBytes: 4 * 2 ** 20,
};
const connectTimeoutMs = 10_000;
/** What a small call costs in the budget: its buffers and bookkeeping. */
const minCallBytes = 1024;

/**
 * Calls procedures of one server over one TCP connection, many at a time, matched by xid (RFC 5531).
 * A lost connection is opened again, from the same source port where possible, and every unanswered call is repeated
 * with its xid, so that the server's duplicate request cache or session slot answers it once only.
 */
export class RpcClient implements AsyncDisposable {
  readonly #options: Required<RpcClientOptions>;
  readonly #budget: ByteBudget;
  readonly #memory = new LentBuffers();
  readonly #backoff: Backoff;
  readonly #pending = new Map<number, Pending>();
  readonly #life = new AbortController();
  #link: RpcLink | undefined;
  #connecting: Promise<void> | undefined;
  #stallTimer: Disposable | undefined;
  #xid: number;
  #previousPort: number | undefined;
  #wasConnected = false;

  constructor(options: RpcClientOptions) {
    this.#options = { ...defaults, privilegedPort: false, ...options };
    this.#budget = new ByteBudget(this.#options.maxInFlightBytes);
    this.#backoff = new Backoff({ initialMs: 50, maxMs: 5000, jitter: 0.2, rng: this.#options.rng });
    this.#xid = Math.floor(this.#options.rng.next() * 2 ** 32);
  }

  /**
   * Sends one call and resolves with its results. Aborting forgets the call; the server may still carry it out.
   * @throws NfsError TIMEDOUT, UNAVAILABLE (never connected), CLOSED, BAD_REPLY, or an RPC fault.
   */
  async call(call: RpcCall, signal: AbortSignal): Promise<RpcReply> {
    const { clock, timeoutMs, host, port } = this.#options;
    signal.throwIfAborted();
    using limit = deadline(clock, timeoutMs, signal);
    try {
      const writer = encodeCall(this.#nextXid(), call, call.credential);
      call.encode?.(writer);
      const bytes = Math.max(minCallBytes, writer.length + (call.replyBytes ?? 0));
      using _claim = await this.#budget.acquire(bytes, limit.signal);
      return await this.#exchange(call.name, writer.chunks(), limit.signal);
    } catch (error) {
      if (!limit.signal.aborted || signal.aborted || error !== limit.signal.reason) throw error;
      throw new NfsError('TIMEDOUT', `${call.name}: no answer from ${host}:${port} in ${timeoutMs} ms`, {
        cause: error,
      });
    }
  }

  /** Memory of a reply that nobody looks at any more: a later one may be written to it. */
  giveBack(data: Uint8Array): void {
    this.#memory.giveBack(data);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new NfsError('CLOSED', 'the client is closed');
    this.#life.abort(closed);
    this.#failAll(closed);
    this.#link?.close(closed);
    this.#stallTimer?.[Symbol.dispose]();
    await this.#connecting;
  }

  #exchange(name: string, message: readonly Uint8Array[], signal: AbortSignal): Promise<RpcReply> {
    return new Promise<RpcReply>((resolve, reject) => {
      if (signal.aborted || this.#life.signal.aborted)
        return reject((signal.aborted ? signal : this.#life.signal).reason);
      const xid = Buffer.from(message[0] as Uint8Array).readUInt32BE();
      const settle = (run: () => void) => {
        this.#pending.delete(xid);
        signal.removeEventListener('abort', onAbort);
        run();
      };
      const onAbort = () => settle(() => reject(signal.reason));
      const pending: Pending = {
        xid,
        name,
        message,
        sentAtMs: 0,
        sendings: 0,
        resolve: (reply) => settle(() => resolve(reply)),
        reject: (error) => settle(() => reject(error)),
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(xid, pending);
      if (this.#link) this.#send(this.#link, pending);
      else this.#connect();
    });
  }

  #nextXid(): number {
    do this.#xid = (this.#xid + 1) >>> 0;
    while (this.#pending.has(this.#xid));
    return this.#xid;
  }

  #send(link: RpcLink, pending: Pending): void {
    pending.sendings += 1;
    pending.sentAtMs = this.#options.clock.monotonicMs();
    link.send(pending.message);
    this.#watchForStall();
  }

  #connect(): void {
    this.#connecting ??= this.#connectUntilDone().finally(() => {
      this.#connecting = undefined;
      if (!this.#link && this.#pending.size > 0 && !this.#life.signal.aborted) this.#connect();
    });
  }

  async #connectUntilDone(): Promise<void> {
    const { clock, log, host, port } = this.#options;
    while (this.#pending.size > 0 && !this.#life.signal.aborted) {
      try {
        await this.#openLink();
        return;
      } catch (error) {
        if (this.#life.signal.aborted) return;
        log.debug('cannot connect', { host, port, error });
        if (!this.#wasConnected || isNfsError(error, 'ACCESS')) return this.#failAll(error);
        await clock.sleep(this.#backoff.next('connect'), this.#life.signal).catch(() => undefined);
      }
    }
  }

  async #openLink(): Promise<void> {
    const { clock, host, port, privilegedPort, rng, maxReplyBytes } = this.#options;
    using limit = deadline(clock, connectTimeoutMs, this.#life.signal);
    const target = { host, port, privilegedPort, rng, previousPort: this.#previousPort };
    const events = {
      onRecord: (record: Buffer) => this.#onRecord(record),
      onClose: (reason: Error) => this.#onClose(link, reason),
    };
    const allocate = (length: number) => this.#memory.take(length);
    const opening = RpcLink.open(target, { maxRecordBytes: maxReplyBytes, allocate, events }, limit.signal);
    const link: RpcLink = await opening.catch((error: unknown) => {
      if (!limit.signal.aborted || this.#life.signal.aborted) throw error;
      const message = `connect to ${host}:${port}: no answer in ${connectTimeoutMs} ms`;
      throw new NfsError('UNAVAILABLE', message, { cause: error });
    });
    if (this.#life.signal.aborted) return link.close(new Error('closed'));
    this.#link = link;
    this.#previousPort = link.localPort;
    this.#wasConnected = true;
    for (const pending of this.#pending.values()) this.#send(link, pending);
  }

  #onRecord(record: Buffer): void {
    const pending = this.#pending.get(xidOf(record));
    if (!pending) return this.#options.log.debug('a reply to no open call', { bytes: record.length });
    this.#backoff.forget('connect');
    try {
      pending.resolve({ results: decodeReply(record, pending.name), resent: pending.sendings > 1 });
    } catch (error) {
      pending.reject(error);
    }
  }

  #onClose(link: RpcLink, reason: Error): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    const { clock, log, host, port } = this.#options;
    if (this.#life.signal.aborted) return;
    log.debug('connection lost', { host, port, reason: messageOf(reason), open: this.#pending.size });
    if (isNfsError(reason, 'BAD_REPLY')) this.#failAll(reason);
    if (this.#pending.size === 0) return;
    // A server that hangs up at once on what we repeat must not be asked again in a busy loop.
    const wait = clock.sleep(this.#backoff.next('connect'), this.#life.signal).catch(() => undefined);
    this.#connecting ??= wait.finally(() => {
      this.#connecting = undefined;
      if (this.#pending.size > 0 && !this.#life.signal.aborted) this.#connect();
    });
  }

  #watchForStall(): void {
    if (this.#stallTimer) return;
    const { clock, stallMs } = this.#options;
    const oldest = this.#pending
      .values()
      .reduce((at, { sentAtMs, sendings }) => (sendings > 0 ? Math.min(at, sentAtMs) : at), Number.POSITIVE_INFINITY);
    const dueMs = Math.max(1, Math.min(oldest + stallMs - clock.monotonicMs(), stallMs));
    this.#stallTimer = clock.schedule(dueMs, () => {
      this.#stallTimer = undefined;
      const late = this.#pending.values().some(({ sentAtMs }) => clock.monotonicMs() - sentAtMs >= stallMs);
      if (late && this.#link) this.#link.reset(new Error(`a call is unanswered for ${stallMs} ms`));
      else if (this.#pending.size > 0 && this.#link) this.#watchForStall();
    });
  }

  #failAll(error: unknown): void {
    for (const pending of [...this.#pending.values()]) pending.reject(error);
  }
}
