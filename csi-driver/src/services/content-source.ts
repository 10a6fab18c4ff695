import { type csi, grpcError } from '@berth/protos';
import type { ContentSource } from '../catalog/volume-record.ts';
import { getSnapshotRecord, getVolume, type ServiceContext } from './services.ts';

/** What a new volume is filled from, whichever kind it is. */
export interface Source {
  /** How messages name it. */
  readonly what: string;
  readonly backend: string;
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
export function findSource(context: Pick<ServiceContext, 'catalog'>, { kind, id }: ContentSource): Source {
  const what = `the source ${kind} "${id}"`;
  if (kind === 'volume') {
    const { backend, capacityBytes, fsType } = getVolume(context, id);
    return { what, backend, sizeBytes: capacityBytes, ...(fsType === undefined ? {} : { fsType }) };
  }
  const { backend, sizeBytes, fsType } = getSnapshotRecord(context, id);
  return { what, backend, sizeBytes, ...(fsType === undefined ? {} : { fsType }) };
}
