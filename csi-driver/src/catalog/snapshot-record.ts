import { crc32 } from 'node:zlib';
import type { VolumeState } from './volume-record.ts';

/** One snapshot as the catalog keeps it. Its states mean what a volume's do. */
export interface SnapshotRecord {
  /** Grows with every snapshot ever made: the order of lists. */
  readonly sequence: number;
  /** Opaque, `^[a-z0-9-]{1,64}$`. */
  readonly id: string;
  /** The name CreateSnapshot was called with: the key of its idempotency. */
  readonly name: string;
  readonly sourceVolumeId: string;
  readonly state: VolumeState;
  /** The least size of a volume made from it. */
  readonly sizeBytes: number;
  readonly backend: string;
  /** When its content was taken, milliseconds since 1970. */
  readonly createdAtMs: number;
  readonly fsType?: string;
  /** How its content was taken; absent until it is. */
  readonly copiedBy?: string;
  /** The group it was taken in, and is deleted with. */
  readonly groupId?: string;
}

export type NewSnapshot = Omit<SnapshotRecord, 'sequence' | 'state'>;

/** A row of the table `snapshots`. */
export interface SnapshotRow {
  readonly sequence: number;
  readonly id: string;
  readonly name: string;
  readonly source_id: string;
  readonly state: string;
  readonly size_bytes: number;
  readonly details: string;
  readonly checksum: number;
}

export type SnapshotContent = Omit<SnapshotRow, 'sequence' | 'checksum'>;

export function snapshotChecksum(row: SnapshotContent): number {
  return crc32(JSON.stringify([row.id, row.name, row.source_id, row.state, row.size_bytes, row.details]));
}

export function snapshotContent(snapshot: Omit<SnapshotRecord, 'sequence'>): SnapshotContent {
  const { id, name, sourceVolumeId, state, sizeBytes, backend, createdAtMs, fsType, copiedBy, groupId } = snapshot;
  const details = JSON.stringify({ backend, createdAtMs, fsType, copiedBy, groupId });
  return { id, name, source_id: sourceVolumeId, state, size_bytes: sizeBytes, details };
}

/** @returns undefined where the row is not what was written. */
export function snapshotOf(row: SnapshotRow): SnapshotRecord | undefined {
  if (snapshotChecksum(row) !== row.checksum) return undefined;
  const details = JSON.parse(row.details) as Pick<
    SnapshotRecord,
    'backend' | 'createdAtMs' | 'fsType' | 'copiedBy' | 'groupId'
  >;
  const { sequence, id, name } = row;
  const state = row.state as VolumeState;
  return { sequence, id, name, sourceVolumeId: row.source_id, state, sizeBytes: row.size_bytes, ...details };
}
