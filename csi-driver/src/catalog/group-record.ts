import { crc32 } from 'node:zlib';
import type { VolumeState } from './volume-record.ts';

/** Snapshots of several volumes taken at one moment. Its states mean what a volume's do, for all of its members. */
export interface GroupRecord {
  readonly sequence: number;
  /** Opaque, `^[a-z0-9-]{1,64}$`. */
  readonly id: string;
  /** The name CreateVolumeGroupSnapshot was called with: the key of its idempotency. */
  readonly name: string;
  readonly state: VolumeState;
  /** When the moment was, milliseconds since 1970. */
  readonly createdAtMs: number;
  readonly members: readonly GroupMember[];
}

export interface GroupMember {
  readonly snapshotId: string;
  readonly volumeId: string;
}

export type NewGroup = Omit<GroupRecord, 'sequence' | 'state'>;

/** A row of the table `snapshot_groups`. */
export interface GroupRow {
  readonly sequence: number;
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly details: string;
  readonly checksum: number;
}

export type GroupContent = Omit<GroupRow, 'sequence' | 'checksum'>;

export function groupChecksum(row: GroupContent): number {
  return crc32(JSON.stringify([row.id, row.name, row.state, row.details]));
}

export function groupContent({ id, name, state, createdAtMs, members }: Omit<GroupRecord, 'sequence'>): GroupContent {
  return { id, name, state, details: JSON.stringify({ createdAtMs, members }) };
}

/** @returns undefined where the row is not what was written. */
export function groupOf(row: GroupRow): GroupRecord | undefined {
  if (groupChecksum(row) !== row.checksum) return undefined;
  const details = JSON.parse(row.details) as Pick<GroupRecord, 'createdAtMs' | 'members'>;
  const { sequence, id, name } = row;
  return { sequence, id, name, state: row.state as VolumeState, ...details };
}
