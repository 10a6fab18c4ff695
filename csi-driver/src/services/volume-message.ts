import type { csi } from '@berth/protos';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import { type NodeTopology, topologyOf } from '../rules/topology.ts';

/** A record as the message the CO gets. */
export function volumeMessage(volume: VolumeRecord, node: NodeTopology): csi.Volume {
  return {
    volumeId: volume.id,
    capacityBytes: String(volume.capacityBytes),
    volumeContext: { ...volume.context },
    contentSource: contentSource(volume),
    accessibleTopology: [topologyOf(node)],
  };
}

function contentSource({ source }: VolumeRecord): csi.VolumeContentSource | null {
  if (!source) return null;
  return source.kind === 'volume' ? { volume: { volumeId: source.id } } : { snapshot: { snapshotId: source.id } };
}
