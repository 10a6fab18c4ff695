import type { Codec } from './record-codec.ts';
import type { VolumeState } from './volume-record.ts';

/** One snapshot as the catalog keeps it. Its states mean what a volume's do. */
export interface SnapshotRecord {
  /** Grows with every snapshot ever made: the order of lists. */
  readonly sequence: number;
  /** Opaque: as `rules/volume-id.ts` has it. */
  readonly id: string;
  /** The name CreateSnapshot was called with: the key of its idempotency. */
  readonly name: string;
  readonly sourceVolumeId: string;
  readonly state: VolumeState;
  /** The least size of a volume made from it. */
  readonly sizeBytes: number;
  readonly backend: string;
  /** The pool its data is in, which is its volume's; absent for the first one, or for a backend without. */
  readonly pool?: string;
  /** Its volume's, where that says on which server the data is. */
  readonly context?: Readonly<Record<string, string>>;
  /** When its content was taken, milliseconds since 1970. */
  readonly createdAtMs: number;
  readonly fsType?: string;
  /** How its content was taken; absent until it is. */
  readonly copiedBy?: string;
  /** The group it was taken in, and is deleted with. */
  readonly groupId?: string;
  /** The group's name: a lost catalog is recovered from its members. */
  readonly groupName?: string;
}

export type NewSnapshot = Omit<SnapshotRecord, 'sequence' | 'state'>;

export const snapshotCodec: Codec<SnapshotRecord> = {
  table: 'snapshots',
  what: 'snapshot',
  own: 'snapshot',
  columns: { id: 'id', name: 'name', sourceVolumeId: 'source_id', state: 'state', sizeBytes: 'size_bytes' },
  // 2: may name a pool.
  upgrades: [(details) => details],
};
