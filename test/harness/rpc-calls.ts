// Past the door on purpose: every call to an NFS server goes through this one method.
import { type RpcCall, RpcClient, type RpcReply } from '../../nfs-client/src/rpc/rpc-client.ts';
import { XdrReader } from '../../nfs-client/src/xdr/xdr-reader.ts';
import type { Fault, SystemCall } from './system-calls.ts';

/** What of NFSv3 only looks. A COMPOUND of version 4 tells by its last operation alone: all of them count as changes. */
const looking = /^(PORTMAP|MOUNT|NFS3 (NULL|GETATTR|LOOKUP|ACCESS|READLINK|READ|READDIR|READDIRPLUS|FSSTAT|FSINFO)$)/;

/** What a server may say instead of doing it, in the names of RFC 1813. */
export const nfsStatuses = {
  NFS3ERR_IO: 5,
  NFS3ERR_NOSPC: 28,
  NFS3ERR_ROFS: 30,
  NFS3ERR_DQUOT: 69,
  NFS3ERR_STALE: 70,
  NFS3ERR_JUKEBOX: 10008,
} as const;

export interface RpcTap {
  readonly ask: (call: SystemCall) => Fault | undefined;
  /** Counts what is under way. */
  readonly during: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Shows calls to NFS servers as system calls are: `after` is the server's answer, which its caller never learns. */
export function patchRpc({ ask, during }: RpcTap): void {
  const original = RpcClient.prototype.call;
  RpcClient.prototype.call = async function (this: RpcClient, call: RpcCall, signal: AbortSignal): Promise<RpcReply> {
    const fault = ask({ name: call.name, changes: !looking.test(call.name) });
    if (fault?.at === 'before') return fault.end();
    if (fault?.at === 'errno' && call.name.startsWith('NFS3 ')) return refusal(fault.errno);
    const reply = await during(() => original.call(this, call, signal));
    return fault?.at === 'after' ? fault.end() : reply;
  };
}

/** A status alone; what may follow it is not there, in each of its forms. */
function refusal(name: string): RpcReply {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt32BE(nfsStatuses[name as keyof typeof nfsStatuses]);
  return { results: new XdrReader(bytes), resent: false };
}
