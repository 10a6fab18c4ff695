import { abortable, deadline, startTask } from '@berth/kit';
import { isNfsError, NfsError } from '../nfs-error.ts';
import { retryLater } from '../retry-later.ts';
import { authSys, type Credential, type UnixIdentity } from '../rpc/credentials.ts';
import type { CompoundOutcome, Operations, Results } from './operation.ts';
import {
  type LiveSession,
  maxRounds,
  type Reclaimable,
  SessionMaker,
  type SessionOptions,
  sessionFaults,
} from './session-maker.ts';
import { type SequenceResult, sequence } from './session-operations.ts';
import type { Slot } from './slot-table.ts';

const farewellMs = 2000;

interface Sending {
  readonly signal: AbortSignal;
  readonly onLate: ((results: never) => void) | undefined;
  readonly credential?: Credential;
}

/** A session as one user has it. */
export interface Compounds {
  /** Equal for all users of one session. */
  readonly home: Session4;
  live(signal: AbortSignal): Promise<LiveSession>;
  run<const Ops extends Operations>(
    operations: Ops,
    signal: AbortSignal,
    onLate?: (results: Results<Ops>) => void,
  ): Promise<Results<Ops>>;
}

/**
 * Runs compounds exactly once, each in a slot of a session (RFC 8881 §2.10). A session the server no longer knows is made anew,
 * with a new client id where it forgot that too; opens of the former client id are then void.
 */
export class Session4 implements Compounds, AsyncDisposable {
  readonly #options: SessionOptions;
  readonly #maker: SessionMaker;
  readonly #life = new AbortController();
  /** Requests whose caller has gone: they end on their own, so that their slots are known again. */
  readonly #running = new Set<Promise<unknown>>();
  #live: Promise<LiveSession> | undefined;
  /** What `#live` has become. */
  #current: LiveSession | undefined;
  #keeper: AsyncDisposable | undefined;
  #lastUsedMs = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#maker = new SessionMaker(options);
  }

  get home(): Session4 {
    return this;
  }

  /** What is open: given to a restarted server again. */
  get opens(): Set<Reclaimable> {
    return this.#maker.opens;
  }

  /** The session, made where there is none. */
  live(signal: AbortSignal): Promise<LiveSession> {
    if (this.#life.signal.aborted) return Promise.reject(this.#life.signal.reason);
    if (!this.#live) {
      const making = this.#maker.make(this.#life.signal);
      this.#live = making;
      making.then(
        (session) => {
          this.#current = session;
        },
        () => {
          this.#live = undefined;
        },
      );
    }
    return abortable(this.#live, signal);
  }

  /**
   * Runs the operations and answers their results. Aborting leaves what is already sent to go on; `onLate` gets its results.
   * @throws NfsError of the operation that failed.
   */
  async run<const Ops extends Operations>(
    operations: Ops,
    signal: AbortSignal,
    onLate?: (results: Results<Ops>) => void,
  ): Promise<Results<Ops>> {
    return await this.#run(operations, { signal, onLate });
  }

  /** The same session for another user. */
  as(identity: UnixIdentity): Compounds {
    const credential = authSys(identity);
    return {
      home: this,
      live: (signal) => this.live(signal),
      run: (operations, signal, onLate) => this.#run(operations, { signal, onLate, credential }),
    };
  }

  async #run<const Ops extends Operations>(
    operations: Ops,
    { onLate, ...how }: Omit<Sending, 'onLate'> & { readonly onLate: ((results: Results<Ops>) => void) | undefined },
  ): Promise<Results<Ops>> {
    const sending = { ...how, onLate: onLate as Sending['onLate'] };
    const attempt = () => this.#attempt(operations, sending);
    return (await retryLater(this.#options.retry, attempt, how.signal)) as unknown as Results<Ops>;
  }

  /** Renews the lease whenever a third of it passes without a request. */
  keepAlive(leaseMs: number): void {
    const { log, retry } = this.#options;
    const renew = async (signal: AbortSignal) => {
      while (true) {
        await retry.clock.sleep(leaseMs / 3, signal);
        if (retry.clock.monotonicMs() - this.#lastUsedMs < leaseMs / 3) continue;
        await this.run([], signal).catch((error: unknown) => {
          if (!signal.aborted) log.debug('cannot renew the lease', { error });
        });
      }
    };
    this.#keeper ??= startTask('nfs lease', renew, { log, signal: this.#life.signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper?.[Symbol.asyncDispose]();
    const live = this.#current;
    this.#life.abort(new NfsError('CLOSED', 'the client is closed'));
    live?.slots.close();
    await this.#live?.catch(() => undefined);
    await Promise.allSettled(this.#running);
    using limit = deadline(this.#options.retry.clock, farewellMs);
    if (live) await this.#maker.destroySession(live, limit.signal);
    await this.#maker.destroyClient(limit.signal);
  }

  async #attempt(operations: Operations, sending: Sending): Promise<readonly unknown[]> {
    let wasSent = false;
    for (let round = 1; ; round++) {
      const session = await this.live(sending.signal);
      const outcome = await this.#inSlot(session, operations, sending);
      const { failure } = outcome;
      if (!failure) return outcome.results.slice(1);
      const isSessionFault = failure.index === 0 && isNfsError(failure.error, ...sessionFaults);
      const isUnkept = isNfsError(failure.error, 'RETRY_UNCACHED_REP') && !operations.some(({ isChange }) => isChange);
      if (isSessionFault) this.#forget(session);
      if ((!isSessionFault && !isUnkept) || round >= maxRounds) throw wasSent ? asResent(failure.error) : failure.error;
      wasSent ||= failure.error.resent;
    }
  }

  async #inSlot(
    session: LiveSession,
    operations: Operations,
    { signal, onLate, credential }: Sending,
  ): Promise<CompoundOutcome> {
    let slot: Slot;
    try {
      slot = await session.slots.acquire(signal);
    } catch (error) {
      if (!isNfsError(error, 'DEADSESSION')) throw error;
      return { results: [], failure: { index: 0, error } };
    }
    const sending: Promise<CompoundOutcome> = this.#send({ session, slot, credential }, operations).finally(() =>
      this.#running.delete(sending),
    );
    this.#running.add(sending);
    try {
      return await abortable(sending, signal);
    } catch (error) {
      const late = ({ failure, results }: CompoundOutcome) => !failure && onLate?.(results.slice(1) as never);
      if (signal.aborted) sending.then(late, () => undefined);
      throw error;
    }
  }

  async #send(
    { session, slot, credential }: { session: LiveSession; slot: Slot; credential: Credential | undefined },
    operations: Operations,
  ): Promise<CompoundOutcome> {
    const { slots } = session;
    const first = sequence({
      sessionId: session.id,
      sequence: (slot.sequence + 1) >>> 0,
      slot: slot.id,
      highestSlot: slots.highestBusy,
      keepReply: operations.some(({ isChange }) => isChange),
    });
    this.#lastUsedMs = this.#options.retry.clock.monotonicMs();
    let fate: 'taken' | 'refused' | 'lost' = 'lost';
    try {
      const outcome = await this.#maker.send([first, ...operations], this.#life.signal, credential);
      fate = outcome.failure && outcome.failure.index < 1 ? 'refused' : 'taken';
      const result = outcome.results[0] as SequenceResult | undefined;
      if (result) slots.setTarget(result.targetHighestSlot);
      return outcome;
    } finally {
      slots.release(slot, fate);
      if (slots.isWorn) this.#forget(session);
    }
  }

  /** In one step, so that no request begins in a session that has ended. */
  #forget(session: LiveSession): void {
    if (this.#current !== session || this.#life.signal.aborted) return;
    this.#current = undefined;
    this.#live = undefined;
    session.slots.close();
    this.#options.log.debug('the session is given up', { clientId: session.clientId.toString(16) });
    const destroying = this.#maker.destroySession(session, this.#life.signal);
    const running: Promise<void> = destroying.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }
}

function asResent(error: NfsError): NfsError {
  return new NfsError(error.code, error.message, { resent: true, cause: error });
}
