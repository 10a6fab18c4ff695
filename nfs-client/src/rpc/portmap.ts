import { NfsError } from '../nfs-error.ts';
import { authNone } from './credentials.ts';
import type { RpcClient } from './rpc-client.ts';

export const portmapPort = 111;

const tcp = 6;
const getPort = { program: 100000, version: 2, procedure: 3, name: 'PORTMAP GETPORT' } as const;

/**
 * Asks portmap or rpcbind which TCP port a program listens on (RFC 1833 §3, version 2).
 * @throws NfsError PROG_UNAVAIL – the program is not registered.
 */
export async function findPort(
  portmap: RpcClient,
  wanted: { readonly program: number; readonly version: number; readonly name: string },
  signal: AbortSignal,
): Promise<number> {
  const { results } = await portmap.call(
    {
      ...getPort,
      credential: authNone,
      encode: (writer) => writer.u32(wanted.program).u32(wanted.version).u32(tcp).u32(0),
    },
    signal,
  );
  const port = results.u32();
  if (port === 0 || port > 65535)
    throw new NfsError(
      'PROG_UNAVAIL',
      `${wanted.name} version ${wanted.version} over TCP is not registered with portmap`,
    );
  return port;
}
