import type { ConnectNfsOptions } from './connect-options.ts';
import { MountClient, mountProgram, type NfsExport } from './mount/mount-client.ts';
import { authSys } from './rpc/credentials.ts';
import { findPort, portmapPort } from './rpc/portmap.ts';
import { RpcClient } from './rpc/rpc-client.ts';
import { rpcOptions } from './rpc-options.ts';

/** What a server says it exports, as `showmount -e` does. Servers of NFSv4 alone have no MOUNT to ask. @throws NfsError. */
export async function listNfsExports(
  options: Omit<ConnectNfsOptions, 'export' | 'version' | 'nfsPort'>,
  signal: AbortSignal,
): Promise<NfsExport[]> {
  const whole = { ...options, export: '/' };
  await using portmap = new RpcClient({
    ...rpcOptions(whole, options.portmapPort ?? portmapPort),
    privilegedPort: false,
  });
  const port = options.mountPort ?? (await findPort(portmap, mountProgram, signal));
  await using rpc = new RpcClient(rpcOptions(whole, port));
  return await new MountClient(rpc, authSys(options)).exports(signal);
}
