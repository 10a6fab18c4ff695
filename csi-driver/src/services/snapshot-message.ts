import type { csi, Timestamp } from '@berth/protos';
import type { SnapshotRecord } from '../catalog/snapshot-record.ts';
import { type NodeTopology, topologyOf } from '../rules/topology.ts';

/** A record as the message the CO gets. Volumes made from it are where it is. */
export function snapshotMessage(snapshot: SnapshotRecord, node: NodeTopology): csi.Snapshot {
  const { id, sourceVolumeId, sizeBytes, createdAtMs, state, groupId } = snapshot;
  return {
    snapshotId: id,
    sourceVolumeId,
    sizeBytes: String(sizeBytes),
    creationTime: timestampOf(createdAtMs),
    readyToUse: state === 'ready',
    groupSnapshotId: groupId ?? '',
    accessibleTopology: [topologyOf(node)],
  };
}

export function timestampOf(ms: number): Timestamp {
  return { seconds: String(Math.floor(ms / 1000)), nanos: Math.floor(ms % 1000) * 1_000_000 };
}
