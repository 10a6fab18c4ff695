import { messageOf } from '@berth/kit';
import type { ConnectNfsOptions } from '../connect-options.ts';
import { MountClient, mountProgram } from '../mount/mount-client.ts';
import { badReply } from '../nfs-error.ts';
import type { NfsLimits } from '../protocol/nfs-protocol.ts';
import { authSys } from '../rpc/credentials.ts';
import { findPort, portmapPort } from '../rpc/portmap.ts';
import { RpcClient } from '../rpc/rpc-client.ts';
import { retryOptions, rpcOptions } from '../rpc-options.ts';
import { Nfs3Client } from './nfs3-client.ts';
import { nfs3Program } from './procedure.ts';
import { Protocol3 } from './protocol3.ts';
import { fsinfo } from './tree-procedures.ts';

/** More a call gains nothing, and the kernel's server and ganesha stop here too. */
const maxTransferBytes = 1 << 20;

/** Mounts the export through portmap and MOUNT, and speaks NFSv3. */
export async function connectNfs3(options: ConnectNfsOptions, signal: AbortSignal): Promise<Protocol3> {
  const ports = await findPorts(options, signal);
  const credential = authSys(options);
  const root = await withMount(options, ports.mount, (mount) => mount.mount(options.export, signal));
  const rpc = new RpcClient(rpcOptions(options, ports.nfs));
  try {
    const client = new Nfs3Client({ rpc, credential, retry: retryOptions(options) });
    const info = await client.call(fsinfo, { handle: root }, signal);
    const limits = limitsOf(info);
    const close = async () => {
      await rpc[Symbol.asyncDispose]();
      await forgetMount(options, ports.mount);
    };
    return new Protocol3({ client, root, limits, rng: options.rng, close, giveBack: (data) => rpc.giveBack(data) });
  } catch (error) {
    await rpc[Symbol.asyncDispose]();
    throw error;
  }
}

async function findPorts(options: ConnectNfsOptions, signal: AbortSignal) {
  if (options.nfsPort && options.mountPort) return { nfs: options.nfsPort, mount: options.mountPort };
  const target = rpcOptions(options, options.portmapPort ?? portmapPort);
  await using portmap = new RpcClient({ ...target, privilegedPort: false });
  return {
    nfs: options.nfsPort ?? (await findPort(portmap, nfs3Program, signal)),
    mount: options.mountPort ?? (await findPort(portmap, mountProgram, signal)),
  };
}

async function withMount<T>(
  options: ConnectNfsOptions,
  port: number,
  run: (mount: MountClient) => Promise<T>,
): Promise<T> {
  await using rpc = new RpcClient(rpcOptions(options, port));
  return await run(new MountClient(rpc, authSys(options)));
}

/** UMNT only tidies the server's list of mounts (`showmount`): a server that is gone may keep it. */
async function forgetMount(options: ConnectNfsOptions, port: number): Promise<void> {
  const quick = { ...options, timeoutMs: 2000 };
  try {
    await withMount(quick, port, (mount) => mount.unmount(options.export, new AbortController().signal));
  } catch (error) {
    options.log.debug('cannot tell the server of the unmount', { host: options.host, reason: messageOf(error) });
  }
}

function limitsOf(info: { readonly readMax: number; readonly writeMax: number }): NfsLimits {
  if (info.readMax === 0 || info.writeMax === 0) throw badReply('FSINFO allows no bytes to be read or written');
  return { readBytes: Math.min(info.readMax, maxTransferBytes), writeBytes: Math.min(info.writeMax, maxTransferBytes) };
}
