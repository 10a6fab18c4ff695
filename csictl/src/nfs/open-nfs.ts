import { silentLogger, systemClock, systemRng } from '@berth/kit';
import { connectNfs, isNfsError, listNfsExports, type NfsClient } from '@berth/nfs-client';
import { CsictlError } from '../csictl-error.ts';
import type { Session } from '../session.ts';
import type { NfsUrl } from './nfs-url.ts';

export interface OpenNfs extends AsyncDisposable {
  readonly client: NfsClient;
  /** The URL's path, below the client's root. */
  readonly path: string;
  /** The export and its server: equal for what one client reaches. */
  readonly place: string;
}

/** What tells that the server does not speak a version, or nobody listens where that version would be. */
const otherVersion = ['MINOR_VERS_MISMATCH', 'PROG_MISMATCH', 'PROG_UNAVAIL', 'PROC_UNAVAIL', 'UNAVAILABLE'] as const;

/**
 * Mounts the export a URL lies in. NFSv4 is walked from the server's root, so any path will do; NFSv3 has to be told where
 * the export ends, which the server's list says.
 * @throws NfsError; CsictlError NOT_FOUND – no export holds the path.
 */
export async function openNfs(url: NfsUrl, { options, signal }: Session): Promise<OpenNfs> {
  const isRoot = process.getuid?.() === 0;
  const base = {
    host: url.host,
    uid: url.uid ?? process.getuid?.() ?? 65_534,
    gid: url.gid ?? process.getgid?.() ?? 65_534,
    privilegedPort: url.isPrivileged ?? isRoot,
    timeoutMs: options.timeoutMs,
    ...(url.mountPort === undefined ? {} : { mountPort: url.mountPort }),
    ...(url.portmapPort === undefined ? {} : { portmapPort: url.portmapPort }),
    clock: systemClock,
    rng: systemRng,
    log: silentLogger,
  };
  const connect = async (version: 3 | 4.1 | 4.2, exported: string) => {
    const port = url.port === undefined ? {} : { nfsPort: url.port };
    const client = await connectNfs({ ...base, ...port, version, export: exported }, signal);
    return opened(client, url, exported);
  };
  const first = url.export ?? `/${url.path.split('/')[1] ?? ''}`;
  let newest: unknown;
  for (const version of url.version === undefined ? ([4.2, 4.1] as const) : []) {
    try {
      return await connect(version, first);
    } catch (error) {
      if (!isNfsError(error, ...otherVersion)) throw error;
      newest ??= error;
      if (isNfsError(error, 'UNAVAILABLE')) break;
    }
  }
  if (url.version === 4.1 || url.version === 4.2) return await connect(url.version, first);
  try {
    return await connect(3, url.export ?? exportHolding(url, await listNfsExports(base, signal)));
  } catch (error) {
    // Where nothing answers, the port that was asked first is the one to name.
    throw isNfsError(newest, 'UNAVAILABLE') && isNfsError(error, 'UNAVAILABLE', 'PROG_UNAVAIL') ? newest : error;
  }
}

function opened(client: NfsClient, url: NfsUrl, exported: string): OpenNfs {
  const prefix = exported.replace(/\/+$/, '');
  if (url.path !== prefix && !url.path.startsWith(`${prefix}/`)) {
    throw new CsictlError('USAGE', `${url.text}: its path is not below the export ${exported}`);
  }
  return {
    client,
    path: url.path.slice(prefix.length).replace(/^\/+|\/+$/g, ''),
    place: JSON.stringify([url.host, url.port, client.version, prefix]),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

function exportHolding({ path, text }: NfsUrl, exports: readonly { readonly path: string }[]): string {
  const holding = exports
    .map((one) => one.path)
    .filter((one) => path === one || path.startsWith(one === '/' ? '/' : `${one}/`))
    .sort((a, b) => b.length - a.length);
  if (holding[0] !== undefined) return holding[0];
  throw new CsictlError('NOT_FOUND', `${text}: no export of the server holds it`, {
    hint: `it exports ${exports.map((one) => one.path).join(', ') || 'nothing'}; ?export=/PATH names one that it does not list`,
  });
}
