import { Buffer } from 'node:buffer';
import { type Logger, messageOf, type Rng } from '@berth/kit';
import { isNfsError, type NfsError } from '../nfs-error.ts';
import { type RetryLaterOptions, retryLater } from '../retry-later.ts';
import { authSys, type Credential, type UnixIdentity } from '../rpc/credentials.ts';
import type { RpcClient } from '../rpc/rpc-client.ts';
import { type CompoundOutcome, decodeCompound, encodeCompound, type Operation, type Operations } from './operation.ts';
import * as ops from './session-operations.ts';
import { SlotTable } from './slot-table.ts';

export interface SessionOptions {
  readonly rpc: RpcClient;
  readonly identity: UnixIdentity;
  readonly minorVersion: 1 | 2;
  readonly retry: RetryLaterOptions;
  readonly rng: Rng;
  readonly log: Logger;
}

/** A session as the server made it. */
export interface LiveSession {
  readonly id: Uint8Array;
  readonly clientId: bigint;
  readonly limits: ops.ChannelLimits;
  readonly slots: SlotTable;
}

/** Something open at the server that can be claimed again after the server's restart. */
export interface Reclaimable {
  /** The compound that claims it for a new client id, and what its last operation's result is for. */
  reclaim(clientId: bigint): { readonly operations: Operations; readonly take: (result: unknown) => void };
}

/** A megabyte of data and the operations around it. */
const wanted: ops.ChannelLimits = {
  maxRequestBytes: (1 << 20) + 4096,
  maxReplyBytes: (1 << 20) + 4096,
  maxCachedBytes: 8192,
  maxOperations: 16,
  maxRequests: 64,
};
const mostSlots = 64;

/** A server that loses session after session is broken; more than a restart now and then is not to be waited out. */
export const maxRounds = 4;

/** SEQUENCE's failures that a new session cures (RFC 8881 §18.46.3). */
export const sessionFaults = [
  ...(['BADSESSION', 'DEADSESSION', 'BADSLOT', 'BAD_HIGH_SLOT', 'SEQ_MISORDERED', 'SEQ_FALSE_RETRY'] as const),
  ...(['CONN_NOT_BOUND_TO_SESSION', 'STALE_CLIENTID', 'EXPIRED'] as const),
] as const;

/** CREATE_SESSION's failures that a new client id cures. */
const clientFaults = ['STALE_CLIENTID', 'SEQ_MISORDERED', 'CLID_INUSE', 'EXPIRED'] as const;

/** Gets client ids and sessions from a server, and gives them back. */
export class SessionMaker {
  readonly #options: SessionOptions;
  readonly #credential: Credential;
  readonly #owner: ops.ClientOwner;
  /** What is open now: claimed again when a new client id replaces the one it was opened under. */
  readonly opens = new Set<Reclaimable>();
  #client: { readonly clientId: bigint; sequence: number; hasReclaimed: boolean } | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#credential = authSys(options.identity);
    const { rng, identity } = options;
    const verifier = Buffer.from(rng.uuid().replaceAll('-', ''), 'hex').subarray(0, 8);
    this.#owner = { verifier, id: Buffer.from(`berth:${identity.machineName ?? 'berth'}:${rng.uuid()}`) };
  }

  /**
   * A session of the client id there is, or of a new one where the server has forgotten it. One that the server loses before
   * what was open is claimed, as by another restart, is made once more.
   */
  async make(signal: AbortSignal): Promise<LiveSession> {
    for (let round = 1; ; round++) {
      const known = this.#client;
      try {
        const session = await this.#makeSession(signal);
        await this.#reclaim(session, signal);
        return session;
      } catch (error) {
        const isCurable = error instanceof LostSession || (known && isNfsError(error, ...clientFaults));
        if (!isCurable || round >= maxRounds) throw error instanceof LostSession ? error.cause : error;
        if (!(error instanceof LostSession)) this.#client = undefined;
      }
    }
  }

  /** Sends a compound as it is. */
  async send(
    operations: Operations,
    signal: AbortSignal,
    credential: Credential = this.#credential,
  ): Promise<CompoundOutcome> {
    const { rpc, minorVersion } = this.#options;
    const { results, resent } = await rpc.call(
      {
        program: 100003,
        version: 4,
        procedure: 1,
        name: `NFS4 ${operations.at(-1)?.name ?? 'COMPOUND'}`,
        credential,
        encode: (writer) => encodeCompound(writer, minorVersion, operations),
        replyBytes: operations.reduce((sum, { replyBytes = 0 }) => sum + replyBytes, 0),
      },
      signal,
    );
    return decodeCompound(results, operations, resent);
  }

  async destroySession(session: LiveSession, signal: AbortSignal): Promise<void> {
    await this.#bestEffort(ops.destroySession(session.id), signal);
  }

  async destroyClient(signal: AbortSignal): Promise<void> {
    if (this.#client) await this.#bestEffort(ops.destroyClientId(this.#client.clientId), signal);
  }

  async #makeSession(signal: AbortSignal): Promise<LiveSession> {
    const client = this.#client ?? { ...(await this.#one(ops.exchangeId(this.#owner), signal)), hasReclaimed: false };
    this.#client = client;
    const args = { ...client, limits: wanted, identity: this.#options.identity };
    const { id, limits } = await this.#one(ops.createSession(args), signal);
    client.sequence = (client.sequence + 1) >>> 0;
    const slots = new SlotTable(Math.max(1, Math.min(limits.maxRequests, mostSlots)));
    return { id, clientId: client.clientId, limits, slots };
  }

  /** Before RECLAIM_COMPLETE a restarted server gives back what was open; whatever it refuses is opened anew when used. */
  async #reclaim(session: LiveSession, signal: AbortSignal): Promise<void> {
    const client = this.#client;
    if (!client || client.hasReclaimed) return;
    for (const open of [...this.opens]) {
      const { operations, take } = open.reclaim(session.clientId);
      const { results, failure } = await this.#inSession(session, operations, signal);
      if (!failure) take(results.at(-1));
      else this.#options.log.debug('an open is not given back', { reason: failure.error.message });
      if (failure && isNfsError(failure.error, 'NO_GRACE')) break;
    }
    const { failure } = await this.#inSession(session, [ops.reclaimComplete], signal);
    if (failure && !isNfsError(failure.error, 'COMPLETE_ALREADY')) throw failure.error;
    client.hasReclaimed = true;
  }

  /** In the first slot of a session nobody else uses yet. @throws LostSession */
  async #inSession({ id, slots }: LiveSession, operations: Operations, signal: AbortSignal): Promise<CompoundOutcome> {
    const slot = await slots.acquire(signal);
    const next = (slot.sequence + 1) >>> 0;
    const first = ops.sequence({ sessionId: id, sequence: next, slot: slot.id, highestSlot: 0, keepReply: true });
    const outcome = await this.send([first, ...operations], signal);
    slots.release(slot, outcome.failure && outcome.failure.index < 1 ? 'refused' : 'taken');
    if (outcome.failure?.index === 0 && isNfsError(outcome.failure.error, ...sessionFaults)) {
      throw new LostSession(outcome.failure.error);
    }
    return outcome;
  }

  #one<Result>(operation: Operation<Result>, signal: AbortSignal): Promise<Result> {
    const attempt = async () => {
      const { results, failure } = await this.send([operation], signal);
      if (failure) throw failure.error;
      return results[0] as Result;
    };
    return retryLater(this.#options.retry, attempt, signal);
  }

  async #bestEffort(operation: Operation<undefined>, signal: AbortSignal): Promise<void> {
    try {
      await this.#one(operation, signal);
    } catch (error) {
      this.#options.log.debug('the server keeps what we no longer need', { reason: messageOf(error) });
    }
  }
}

/** The server does not know the session it has just made. */
class LostSession extends Error {
  override readonly cause: NfsError;

  constructor(cause: NfsError) {
    super(cause.message);
    this.cause = cause;
  }
}
