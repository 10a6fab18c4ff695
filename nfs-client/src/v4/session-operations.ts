import { badReply } from '../nfs-error.ts';
import { type UnixIdentity, writeAuthSys } from '../rpc/credentials.ts';
import type { XdrReader } from '../xdr/xdr-reader.ts';
import type { XdrWriter } from '../xdr/xdr-writer.ts';
import type { Operation } from './operation.ts';

const maxOpaqueBytes = 1024;
const sessionIdBytes = 16;
const nothing = () => undefined;

/** EXCHGID4_FLAG_USE_NON_PNFS: data goes through the server itself. */
const useNonPnfs = 0x0001_0000;
/** There is nobody to call back: the program number is never dialled. */
const callbackProgram = 0x4000_0000;

export interface ClientOwner {
  /** New with each start of the client, so that a server drops what its former life had open. */
  readonly verifier: Uint8Array;
  readonly id: Uint8Array;
}

export interface ClientId {
  readonly clientId: bigint;
  readonly sequence: number;
}

/** EXCHANGE_ID (RFC 8881 §18.35), without state protection. */
export function exchangeId(owner: ClientOwner): Operation<ClientId> {
  return {
    number: 42,
    name: 'EXCHANGE_ID',
    encode: (writer) => writer.fixed(owner.verifier).opaque(owner.id).u32(useNonPnfs).u32(0).u32(0),
    decode: (reader) => {
      const clientId = reader.u64();
      const sequence = reader.u32();
      reader.u32();
      if (reader.u32() !== 0) throw badReply('EXCHANGE_ID with a state protection that was not asked for');
      reader.u64();
      reader.opaque(maxOpaqueBytes);
      reader.opaque(maxOpaqueBytes);
      reader.array(1, () => {
        reader.opaque(maxOpaqueBytes);
        reader.opaque(maxOpaqueBytes);
        return reader.fixed(12);
      });
      return { clientId, sequence };
    },
  };
}

export interface ChannelLimits {
  readonly maxRequestBytes: number;
  readonly maxReplyBytes: number;
  readonly maxCachedBytes: number;
  readonly maxOperations: number;
  readonly maxRequests: number;
}

export interface CreatedSession {
  readonly id: Uint8Array;
  readonly limits: ChannelLimits;
}

export interface CreateSessionArgs extends ClientId {
  readonly limits: ChannelLimits;
  readonly identity: UnixIdentity;
}

/** The back channel is never used; servers refuse it smaller than this. */
const backChannel: ChannelLimits = {
  maxRequestBytes: 4096,
  maxReplyBytes: 4096,
  maxCachedBytes: 1024,
  maxOperations: 2,
  maxRequests: 1,
};

/** CREATE_SESSION (RFC 8881 §18.36). */
export function createSession({ clientId, sequence, limits, identity }: CreateSessionArgs): Operation<CreatedSession> {
  return {
    number: 43,
    name: 'CREATE_SESSION',
    encode: (writer) => {
      writer.u64(clientId).u32(sequence).u32(0);
      writeChannel(writer, limits);
      writeChannel(writer, backChannel);
      writer.u32(callbackProgram).u32(1).u32(1);
      writeAuthSys(writer, identity);
    },
    decode: (reader) => {
      const id = Uint8Array.from(reader.fixed(sessionIdBytes));
      reader.u32();
      reader.u32();
      const granted = readChannel(reader);
      readChannel(reader);
      return { id, limits: granted };
    },
  };
}

function writeChannel(writer: XdrWriter, limits: ChannelLimits): void {
  writer.u32(0).u32(limits.maxRequestBytes).u32(limits.maxReplyBytes).u32(limits.maxCachedBytes);
  writer.u32(limits.maxOperations).u32(limits.maxRequests).u32(0);
}

function readChannel(reader: XdrReader): ChannelLimits {
  reader.u32();
  const limits = {
    maxRequestBytes: reader.u32(),
    maxReplyBytes: reader.u32(),
    maxCachedBytes: reader.u32(),
    maxOperations: reader.u32(),
    maxRequests: reader.u32(),
  };
  reader.array(1, () => reader.u32());
  return limits;
}

export interface SequenceArgs {
  readonly sessionId: Uint8Array;
  readonly sequence: number;
  readonly slot: number;
  readonly highestSlot: number;
  /** The server keeps the reply, and gives it again to a repetition. */
  readonly keepReply: boolean;
}

export interface SequenceResult {
  /** Slots above this one the server wants unused. */
  readonly targetHighestSlot: number;
  readonly statusFlags: number;
}

/** SEQUENCE (RFC 8881 §18.46), the first operation of every compound in a session. */
export function sequence(args: SequenceArgs): Operation<SequenceResult> {
  return {
    number: 53,
    name: 'SEQUENCE',
    encode: (writer) => {
      writer.fixed(args.sessionId).u32(args.sequence).u32(args.slot).u32(args.highestSlot).bool(args.keepReply);
    },
    decode: (reader) => {
      reader.fixed(sessionIdBytes);
      if (reader.u32() !== args.sequence || reader.u32() !== args.slot)
        throw badReply('SEQUENCE answers for another slot or sequence');
      reader.u32();
      return { targetHighestSlot: reader.u32(), statusFlags: reader.u32() };
    },
  };
}

/** Tells the server that nothing of a former life is reclaimed. */
export const reclaimComplete: Operation<undefined> = {
  number: 58,
  name: 'RECLAIM_COMPLETE',
  isChange: true,
  encode: (writer) => writer.bool(false),
  decode: nothing,
};

export function destroySession(id: Uint8Array): Operation<undefined> {
  return { number: 44, name: 'DESTROY_SESSION', encode: (writer) => writer.fixed(id), decode: nothing };
}

export function destroyClientId(clientId: bigint): Operation<undefined> {
  return { number: 57, name: 'DESTROY_CLIENTID', encode: (writer) => writer.u64(clientId), decode: nothing };
}
