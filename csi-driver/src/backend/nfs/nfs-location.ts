import { isIPv6 } from 'node:net';
import type { MountInfo } from '@berth/linux';

/** A directory of an NFS server. Only made of parts that `path-rules.ts` let through. */
export interface NfsLocation {
  /** A host name or address, without brackets. */
  readonly server: string;
  /** The exported path, absolute. */
  readonly share: string;
  /** Names below the export joined with `/`; empty for the export itself. */
  readonly subDir: string;
}

/** As mount tables and `df` show it: `server:/share/sub`, an IPv6 address in brackets. */
export function sourceOf({ server, share, subDir }: NfsLocation): string {
  const path = subDir === '' ? share : `${share === '/' ? '' : share}/${subDir}`;
  return `${isIPv6(server) ? `[${server}]` : server}:${path}`;
}

/** What a line of the mount table shows, in the form of {@link sourceOf}: what is below the mount's root counts in. */
export function shownBy({ source, root }: Pick<MountInfo, 'source' | 'root'>): string {
  if (root === '/' || root === '') return source;
  return `${source.replace(/\/$/, '')}${root}`;
}
