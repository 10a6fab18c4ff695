import type { Clock, Logger, Rng } from '@berth/kit';
import { grpcError } from '@berth/protos';
import type { Backend } from '../backend/backend.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import type { PlaceTools } from '../mounts/place.ts';
import type { VolumeMounts } from '../mounts/volume-mounts.ts';
import type { NodeTopology } from '../rules/topology.ts';
import { isVolumeId } from '../rules/volume-id.ts';

/** What the methods of all services work with. */
export interface ServiceContext {
  readonly driverName: string;
  readonly version: string;
  readonly node: NodeTopology;
  readonly catalog: Catalog;
  readonly backend: Backend;
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
