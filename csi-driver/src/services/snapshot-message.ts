import type { csi } from '@berth/protos';
import type { SnapshotRecord } from '../catalog/snapshot-record.ts';

/** A record as the message the CO gets. */
export function snapshotMessage(snapshot: SnapshotRecord): csi.Snapshot {
  const { id, sourceVolumeId, sizeBytes, createdAtMs, state } = snapshot;
  return {
    snapshotId: id,
    sourceVolumeId,
    sizeBytes: String(sizeBytes),
    creationTime: {
      seconds: String(Math.floor(createdAtMs / 1000)),
      nanos: Math.floor(createdAtMs % 1000) * 1_000_000,
    },
    readyToUse: state === 'ready',
    groupSnapshotId: '',
    // Only plugins with SNAPSHOT_ACCESSIBILITY_CONSTRAINTS may say where a snapshot is.
    accessibleTopology: [],
  };
}
