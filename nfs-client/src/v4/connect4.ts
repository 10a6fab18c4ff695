import type { ConnectNfsOptions } from '../connect-options.ts';
import { splitPath } from '../names/file-name.ts';
import type { NfsLimits } from '../protocol/nfs-protocol.ts';
import { RpcClient } from '../rpc/rpc-client.ts';
import { retryOptions, rpcOptions } from '../rpc-options.ts';
import { attribute } from './attribute-numbers.ts';
import type { Attributes4 } from './attributes4.ts';
import { Protocol4 } from './protocol4.ts';
import type { ChannelLimits } from './session-operations.ts';
import { Session4 } from './session4.ts';
import { getattr, getFh, lookup, putFh, putRootFh } from './tree-operations.ts';

export const nfsPort = 2049;

const maxTransferBytes = 1 << 20;
/** What RPC, SEQUENCE and the other operations around the data take at most. */
const overheadBytes = 2048;
const blockBytes = 4096;

const mountAttributes = [attribute.type, attribute.leaseTime, attribute.maxRead, attribute.maxWrite];

/** Begins a session and walks from the server's root to the export. @throws NfsError MINOR_VERS_MISMATCH – the server is older. */
export async function connectNfs4(
  options: ConnectNfsOptions,
  version: 4.1 | 4.2,
  signal: AbortSignal,
): Promise<Protocol4> {
  const rpc = new RpcClient(rpcOptions(options, options.nfsPort ?? nfsPort));
  const { rng, log } = options;
  const minorVersion = version === 4.1 ? 1 : 2;
  const session = new Session4({ rpc, identity: options, minorVersion, retry: retryOptions(options), rng, log });
  const close = async () => {
    await session[Symbol.asyncDispose]();
    await rpc[Symbol.asyncDispose]();
  };
  try {
    const live = await session.live(signal);
    const { root, attributes } = await findRoot(session, splitPath(options.export), signal);
    session.keepAlive((attributes.number(attribute.leaseTime) ?? 30) * 1000);
    const giveBack = (data: Uint8Array) => rpc.giveBack(data);
    return new Protocol4({ session, version, root, limits: limitsOf(attributes, live.limits), rng, close, giveBack });
  } catch (error) {
    await close();
    throw error;
  }
}

async function findRoot(session: Session4, names: readonly string[], signal: AbortSignal) {
  let [, root, attributes] = await session.run([putRootFh, getFh, getattr(mountAttributes)] as const, signal);
  for (const name of names) {
    const operations = [putFh(root), lookup(name), getFh, getattr(mountAttributes)] as const;
    [, , root, attributes] = await session.run(operations, signal);
  }
  return { root, attributes };
}

function limitsOf(attributes: Attributes4, channel: ChannelLimits): NfsLimits {
  const fit = (wanted: number | undefined, message: number) => {
    const most = Math.min(wanted ?? maxTransferBytes, maxTransferBytes, message - overheadBytes);
    return Math.max(blockBytes, most - (most % blockBytes));
  };
  return {
    readBytes: fit(attributes.number(attribute.maxRead), channel.maxReplyBytes),
    writeBytes: fit(attributes.number(attribute.maxWrite), channel.maxRequestBytes),
  };
}
