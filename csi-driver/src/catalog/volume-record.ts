import { crc32 } from 'node:zlib';

/**
 * Where a volume is in its life; what a start must do with it.
 * `creating`: never acknowledged, undo it. `ready`: in use. `deleting`: acknowledged or not, finish it.
 */
export type VolumeState = 'creating' | 'ready' | 'deleting';

/** What a volume was filled from. */
export interface ContentSource {
  readonly kind: 'snapshot' | 'volume';
  readonly id: string;
}

/** One volume as the catalog keeps it. */
export interface VolumeRecord {
  /** Grows with every volume ever made: the order of lists. */
  readonly sequence: number;
  /** Opaque, `^[a-z0-9-]{1,64}$`. */
  readonly id: string;
  /** The name CreateVolume was called with: the key of its idempotency. */
  readonly name: string;
  readonly state: VolumeState;
  readonly capacityBytes: number;
  readonly backend: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** What every node call gets back. */
  readonly context: Readonly<Record<string, string>>;
  /** The filesystem asked for at its creation; absent where none was, or the backend makes none. */
  readonly fsType?: string;
  readonly source?: ContentSource;
}

export type NewVolume = Omit<VolumeRecord, 'sequence' | 'state'>;

/** A row of the table `volumes`. */
export interface VolumeRow {
  readonly sequence: number;
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly capacity_bytes: number;
  readonly details: string;
  readonly checksum: number;
}

export type RowContent = Omit<VolumeRow, 'sequence' | 'checksum'>;

/** SQLite finds torn pages, not a flipped bit inside one: each record carries its own checksum. */
export function checksumOf(row: RowContent): number {
  return crc32(JSON.stringify([row.id, row.name, row.state, row.capacity_bytes, row.details]));
}

export function contentOf(volume: Omit<VolumeRecord, 'sequence'>): RowContent {
  const { id, name, state, capacityBytes, backend, parameters, context, fsType, source } = volume;
  const details = JSON.stringify({ backend, parameters, context, fsType, source });
  return { id, name, state, capacity_bytes: capacityBytes, details };
}

/** @returns undefined where the row is not what was written. */
export function recordOf(row: VolumeRow): VolumeRecord | undefined {
  if (checksumOf(row) !== row.checksum) return undefined;
  const details = JSON.parse(row.details) as Omit<VolumeRecord, 'sequence' | 'id' | 'name' | 'state' | 'capacityBytes'>;
  const { sequence, id, name } = row;
  return { sequence, id, name, state: row.state as VolumeState, capacityBytes: row.capacity_bytes, ...details };
}
