import type { Codec } from './record-codec.ts';
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

export const groupCodec: Codec<GroupRecord> = {
  table: 'snapshot_groups',
  what: 'group snapshot',
  columns: { id: 'id', name: 'name', state: 'state' },
  upgrades: [],
};
