import type { csi } from '@berth/protos';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import { topologyOf } from '../rules/topology.ts';
import type { ServiceContext } from './services.ts';

/** A record as the message the CO gets. */
export function volumeMessage(
  { node, backends }: Pick<ServiceContext, 'node' | 'backends'>,
  volume: VolumeRecord,
): csi.Volume {
  const { pool, backend } = backends.find(volume) ?? {};
  return {
    volumeId: volume.id,
    capacityBytes: String(volume.capacityBytes),
    volumeContext: { ...volume.context },
    contentSource: contentSource(volume),
    accessibleTopology: backend?.remote ? [] : [topologyOf(node, pool ? [pool] : [])],
  };
}

function contentSource({ source }: VolumeRecord): csi.VolumeContentSource | null {
  if (!source) return null;
  return source.kind === 'volume' ? { volume: { volumeId: source.id } } : { snapshot: { snapshotId: source.id } };
}
