import type { ConnectNfsOptions } from './connect-options.ts';
import { MountedNfs } from './fs/mounted-nfs.ts';
import type { NfsClient } from './fs/nfs-client.ts';
import { connectNfs3 } from './v3/connect3.ts';

/** Mounts an export and answers a client of it. Disposing the client unmounts. @throws NfsError. */
export async function connectNfs(options: ConnectNfsOptions, signal: AbortSignal): Promise<NfsClient> {
  return new MountedNfs(await connectNfs3(options, signal));
}
