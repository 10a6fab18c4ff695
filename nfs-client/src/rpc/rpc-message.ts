import { badReply, NfsError, type RpcFault } from '../nfs-error.ts';
import { XdrReader } from '../xdr/xdr-reader.ts';
import { XdrWriter } from '../xdr/xdr-writer.ts';
import type { Credential } from './credentials.ts';

/** A remote procedure with the words for messages about it. */
export interface RpcProcedure {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  /** As in `NFS3 READ`. */
  readonly name: string;
}

const rpcVersion = 2;
const messageType = { call: 0, reply: 1 } as const;
const maxAuthBytes = 400;

/** RFC 5531 §9, `accept_stat` after SUCCESS. */
const acceptFaults: readonly RpcFault[] = [
  'PROG_UNAVAIL',
  'PROG_MISMATCH',
  'PROC_UNAVAIL',
  'GARBAGE_ARGS',
  'SYSTEM_ERR',
];

export function encodeCall(xid: number, call: RpcProcedure, credential: Credential): XdrWriter {
  const writer = new XdrWriter().u32(xid).u32(messageType.call).u32(rpcVersion);
  writer.u32(call.program).u32(call.version).u32(call.procedure);
  writer.u32(credential.flavor).opaque(credential.body);
  return writer.u32(0).u32(0);
}

/** The xid a record begins with. @throws NfsError BAD_REPLY – it is too short to hold one. */
export function xidOf(record: Uint8Array): number {
  return new XdrReader(record).u32();
}

/**
 * The results in a reply: a reader behind its header.
 * @throws NfsError with an RPC fault – the server did not run the procedure. BAD_REPLY – it is no reply.
 */
export function decodeReply(record: Uint8Array, name: string): XdrReader {
  const reader = new XdrReader(record);
  reader.u32();
  if (reader.u32() !== messageType.reply) throw badReply(`${name}: a call where a reply should be`);
  const status = reader.u32();
  if (status === 1) throw denied(reader, name);
  if (status !== 0) throw badReply(`${name}: reply_stat ${status}`);
  reader.u32();
  reader.opaque(maxAuthBytes);
  const accepted = reader.u32();
  if (accepted === 0) return reader;
  const fault = acceptFaults[accepted - 1];
  if (!fault) throw badReply(`${name}: accept_stat ${accepted}`);
  const versions = fault === 'PROG_MISMATCH' ? `; the server has versions ${reader.u32()} to ${reader.u32()}` : '';
  throw new NfsError(fault, `${name}: the server answers ${fault}${versions}`);
}

/** RFC 5531 §9, `auth_stat`. */
const authReasons: Readonly<Record<number, string>> = {
  1: 'bad credential',
  2: 'session begun anew',
  3: 'bad verifier',
  4: 'verifier expired or replayed',
  5: 'credential too weak; the export may want another security flavor or a port below 1024',
};

function denied(reader: XdrReader, name: string): NfsError {
  const reason = reader.u32();
  if (reason === 0)
    return new NfsError('RPC_MISMATCH', `${name}: the server speaks RPC ${reader.u32()} to ${reader.u32()}`);
  if (reason !== 1) return badReply(`${name}: reject_stat ${reason}`);
  const status = reader.u32();
  return new NfsError(
    'AUTH_ERROR',
    `${name}: the server refuses the credential: ${authReasons[status] ?? `auth_stat ${status}`}`,
  );
}
