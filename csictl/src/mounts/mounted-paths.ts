import type { MountRow } from './mount-rows.ts';

/** A path at which a driver's volume is mounted, published ones first: there the driver can tell its usage. */
export function mountedPath(rows: readonly MountRow[], driver: string, volumeId: string): string | undefined {
  const mounted = rows.filter((row) => row.mode !== '' && row.driver === driver && row.volume === volumeId);
  return (mounted.find(({ kind }) => kind === 'publish') ?? mounted[0])?.path;
}
