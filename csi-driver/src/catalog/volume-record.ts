import type { Codec } from './record-codec.ts';

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
  /** Opaque: as `rules/volume-id.ts` has it. */
  readonly id: string;
  /** The name CreateVolume was called with: the key of its idempotency. */
  readonly name: string;
  readonly state: VolumeState;
  readonly capacityBytes: number;
  readonly backend: string;
  /** The pool its data is in; absent for the first one, or for a backend without. */
  readonly pool?: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** What every node call gets back. */
  readonly context: Readonly<Record<string, string>>;
  /** The filesystem asked for at its creation; absent where none was, or the backend makes none. */
  readonly fsType?: string;
  readonly source?: ContentSource;
  /** How long it is kept in the trash after it was deleted; absent where it is removed at once. */
  readonly trashTtlMs?: number;
  /** What it was made with, once that was modified: a repeated CreateVolume asks for it. */
  readonly madeWith?: Pick<VolumeRecord, 'parameters' | 'trashTtlMs'>;
}

export type NewVolume = Omit<VolumeRecord, 'sequence' | 'state'>;

export const volumeCodec: Codec<VolumeRecord> = {
  table: 'volumes',
  what: 'volume',
  own: 'volume',
  columns: { id: 'id', name: 'name', state: 'state', capacityBytes: 'capacity_bytes' },
  // 2: may name a pool, and what becomes of it when it is deleted. All was in the first pool before, and deleted at once.
  upgrades: [(details) => details],
};
