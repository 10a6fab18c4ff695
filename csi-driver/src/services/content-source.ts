import { type csi, grpcError } from '@berth/protos';
import type { Pool } from '../backend/pool.ts';
import type { ContentSource } from '../catalog/volume-record.ts';
import { getSnapshotRecord, getVolume, type ServiceContext } from './services.ts';

/** What a new volume is filled from, whichever kind it is. */
export interface Source {
  /** How messages name it. */
  readonly what: string;
  readonly backend: string;
  /** The pool it is in; undefined for one of a backend without. */
  readonly pool: Pool | undefined;
  readonly sizeBytes: number;
  readonly fsType?: string;
}

/** @throws GrpcError INVALID_ARGUMENT – a source that names nothing. */
export function contentSourceOf(source: csi.VolumeContentSource | null): ContentSource | undefined {
  if (!source) return undefined;
  const kind = source.snapshot ? 'snapshot' : 'volume';
  const id = source.snapshot?.snapshotId ?? source.volume?.volumeId ?? '';
  if (id === '') throw grpcError('INVALID_ARGUMENT', `volume_content_source.${kind}.${kind}_id is required`);
  return { kind, id };
}

/** @throws GrpcError NOT_FOUND – no such volume or snapshot, or it never came to be, or is going. */
export function findSource(context: Pick<ServiceContext, 'catalog' | 'backends'>, { kind, id }: ContentSource): Source {
  const what = `the source ${kind} "${id}"`;
  if (kind === 'volume') {
    const volume = getVolume(context, id);
    const { backend, capacityBytes, fsType } = volume;
    const { pool } = context.backends.placementOf(volume);
    return { what, backend, pool, sizeBytes: capacityBytes, ...(fsType === undefined ? {} : { fsType }) };
  }
  const snapshot = getSnapshotRecord(context, id);
  const { backend, sizeBytes, fsType } = snapshot;
  const { pool } = context.backends.placementOf(snapshot);
  return { what, backend, pool, sizeBytes, ...(fsType === undefined ? {} : { fsType }) };
}
