import { readdirSync } from 'node:fs';
import { type Fd, isErrno, openRoot, openSegment } from '@berth/linux';
import { dataRecordOf } from '../backend/data-records.ts';
import type { PoolOptions } from '../backend/pool-options.ts';
import { type OwnRecord, openRecord } from '../catalog/own-record.ts';
import { isPlainId } from '../rules/volume-id.ts';

/** Where a backend keeps what in a pool. */
const folders = [
  { folder: 'volumes', backend: 'directory', kind: 'volume' },
  { folder: 'snapshots', backend: 'directory', kind: 'snapshot' },
  { folder: 'images', backend: 'image', kind: 'volume' },
  { folder: 'image-snapshots', backend: 'image', kind: 'snapshot' },
  { folder: 'subvolumes', backend: 'btrfs', kind: 'volume' },
  { folder: 'subvolume-snapshots', backend: 'btrfs', kind: 'snapshot' },
] as const;

/** Something in a pool that is, or was to be, a volume or snapshot. */
export interface Found {
  /** Absent for what is on a server. */
  readonly pool?: PoolOptions;
  /** The server and share, as mount tables show them, for what is there. */
  readonly share?: string;
  readonly backend: string;
  /** `share` is one that cannot be looked through. */
  readonly kind: 'volume' | 'snapshot' | 'share';
  /** Its name in the folder: its id, where a driver made it. */
  readonly id: string;
  /** What it says of itself; or why that is not to be believed. */
  readonly own: OwnRecord | string;
}

/** Looks through the pools, and touches nothing. */
export function scanPools(pools: readonly PoolOptions[]): Found[] {
  return pools.flatMap((pool) =>
    folders.flatMap(({ folder, backend, kind }) => {
      using fd = openFolder(pool.path, folder);
      if (!fd) return [];
      const names = readdirSync(fd.path);
      return names.map((id): Found => ({ pool, backend, kind, id, own: ownRecordOf(fd, { backend, kind, id }) }));
    }),
  );
}

function openFolder(path: string, folder: string): Fd | undefined {
  using root = openRoot(path);
  try {
    return openSegment(root, folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function ownRecordOf(folder: Fd, { backend, kind, id }: Omit<Found, 'own' | 'pool'>): OwnRecord | string {
  if (!isPlainId(id)) return 'its name is no id: it is not of this driver';
  const bytes = dataRecordOf(folder, id);
  if (!bytes) return 'it has no record beside it: it was never finished, or made before drivers kept one';
  const own = openRecord(bytes);
  if (own === 'damaged') return 'the record beside it is damaged';
  if (own === 'newer') return 'the record beside it was written by a newer csi-driver';
  const { record } = own;
  if (record.id !== id) return `the record beside it is of "${record.id}": it is a copy that was never finished`;
  if (record.backend !== backend || (own.kind === 'snapshot') !== (kind === 'snapshot')) {
    return `the record beside it is of a ${own.kind} of the backend "${record.backend}"`;
  }
  return own;
}
