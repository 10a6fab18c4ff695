import type { csi } from '@berth/protos';
import type { GroupRecord } from '../catalog/group-record.ts';
import { getSnapshotRecord, type ServiceContext } from './services.ts';
import { snapshotMessage, timestampOf } from './snapshot-message.ts';

/** A group as the message the CO gets, with its members in the order they were asked for. */
export function groupMessage(context: ServiceContext, group: GroupRecord): csi.VolumeGroupSnapshot {
  const members = group.members.map(({ snapshotId }) => getSnapshotRecord(context, snapshotId));
  return {
    groupSnapshotId: group.id,
    snapshots: members.map((member) => snapshotMessage(context, member)),
    creationTime: timestampOf(group.createdAtMs),
    readyToUse: group.state === 'ready',
  };
}
