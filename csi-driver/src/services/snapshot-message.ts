import type { csi, Timestamp } from '@berth/protos';
import type { SnapshotRecord } from '../catalog/snapshot-record.ts';
import { topologyOf } from '../rules/topology.ts';
import type { ServiceContext } from './services.ts';

/** A record as the message the CO gets. Volumes made from it are where it is. */
export function snapshotMessage(
  { node, backends }: Pick<ServiceContext, 'node' | 'backends'>,
  snapshot: SnapshotRecord,
): csi.Snapshot {
  const { pool, backend } = backends.find(snapshot) ?? {};
  const { id, sourceVolumeId, sizeBytes, createdAtMs, state, groupId } = snapshot;
  return {
    snapshotId: id,
    sourceVolumeId,
    sizeBytes: String(sizeBytes),
    creationTime: timestampOf(createdAtMs),
    readyToUse: state === 'ready',
    groupSnapshotId: groupId ?? '',
    accessibleTopology: backend?.remote ? [] : [topologyOf(node, pool ? [pool] : [])],
  };
}

export function timestampOf(ms: number): Timestamp {
  return { seconds: String(Math.floor(ms / 1000)), nanos: Math.floor(ms % 1000) * 1_000_000 };
}
