import type { Clock, Logger, Rng } from '@berth/kit';
import { isErrno } from '@berth/linux';
import { grpcError } from '@berth/protos';
import type { Backends, Whereabouts } from '../backend/backends.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { SnapshotRecord } from '../catalog/snapshot-record.ts';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import type { PlaceTools } from '../mounts/place.ts';
import type { Recognizer, VolumeMounts } from '../mounts/volume-mounts.ts';
import type { NodeTopology } from '../rules/topology.ts';
import { isVolumeId } from '../rules/volume-id.ts';
import type { CopyJobs } from './copy-jobs.ts';
import type { TrashBin } from './trash-bin.ts';

/** What the methods of all services work with. */
export interface ServiceContext {
  readonly driverName: string;
  readonly version: string;
  readonly node: NodeTopology;
  /** Whether volumes are published to nodes by the controller first. */
  readonly attach: boolean;
  /** How many volumes a node takes; 0 for no limit. */
  readonly maxVolumesPerNode: number;
  readonly catalog: Catalog;
  readonly backends: Backends;
  readonly jobs: CopyJobs;
  readonly trash: TrashBin;
  readonly mounts: VolumeMounts;
  readonly places: PlaceTools;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

/** @throws GrpcError NOT_FOUND – no such volume, or one that never came to be or is going. */
export function getVolume(context: Pick<ServiceContext, 'catalog'>, id: string): VolumeRecord {
  const volume = isVolumeId(id) ? context.catalog.find(id) : undefined;
  if (volume?.state !== 'ready') throw grpcError('NOT_FOUND', `volume "${id}" does not exist`);
  return volume;
}

/** @throws GrpcError NOT_FOUND – no such snapshot, or one that never came to be or is going. */
export function getSnapshotRecord(context: Pick<ServiceContext, 'catalog'>, id: string): SnapshotRecord {
  const snapshot = isVolumeId(id) ? context.catalog.snapshots.find(id) : undefined;
  if (snapshot?.state !== 'ready') throw grpcError('NOT_FOUND', `snapshot "${id}" does not exist`);
  return snapshot;
}

/**
 * How to know mounts of the volume.
 * @throws GrpcError DATA_LOSS – the catalog has the volume, the pool has not.
 */
export function recognizerOf({ backends }: Pick<ServiceContext, 'backends'>, volume: Whereabouts): Recognizer {
  try {
    return backends.of(volume).node.recognizer(volume.id);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    throw grpcError('DATA_LOSS', `volume "${volume.id}" is in the catalog, but its data is missing from the pool`);
  }
}
