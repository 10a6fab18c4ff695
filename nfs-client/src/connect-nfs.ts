import type { ConnectNfsOptions } from './connect-options.ts';
import { MountedNfs } from './fs/mounted-nfs.ts';
import type { NfsClient } from './fs/nfs-client.ts';
import { splitPath } from './names/file-name.ts';
import { isNfsError } from './nfs-error.ts';
import type { NfsProtocol } from './protocol/nfs-protocol.ts';
import { connectNfs3 } from './v3/connect3.ts';
import { connectNfs4 } from './v4/connect4.ts';

/** What tells that a server does not speak a version at all: it says so, or nobody listens on that version's port. */
const otherVersion = ['MINOR_VERS_MISMATCH', 'PROG_MISMATCH', 'PROG_UNAVAIL', 'PROC_UNAVAIL', 'UNAVAILABLE'] as const;

/** Mounts an export and answers a client of it. Disposing the client unmounts. @throws NfsError. */
export async function connectNfs(options: ConnectNfsOptions, signal: AbortSignal): Promise<NfsClient> {
  return new MountedNfs(await connect(options, signal));
}

async function connect(options: ConnectNfsOptions, signal: AbortSignal): Promise<NfsProtocol> {
  const { version = 'auto' } = options;
  // Checked before anything is sent, whichever version it will be.
  splitPath(options.export);
  if (version === 3) return await connectNfs3(options, signal);
  if (version !== 'auto') return await connectNfs4(options, version, signal);
  let newest: unknown;
  for (const minor of [4.2, 4.1] as const) {
    try {
      return await connectNfs4(options, minor, signal);
    } catch (error) {
      newest ??= error;
      if (!isNfsError(error, ...otherVersion)) throw error;
      if (isNfsError(error, 'UNAVAILABLE')) break;
    }
  }
  try {
    return await connectNfs3(options, signal);
  } catch (error) {
    // Where nothing answers, the port everybody knows is the one to name.
    throw isNfsError(error, 'UNAVAILABLE', 'PROG_UNAVAIL') && isNfsError(newest, 'UNAVAILABLE') ? newest : error;
  }
}
