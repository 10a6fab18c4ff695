import { type csi, grpcError } from '@berth/protos';
import type { GroupRecord } from '../catalog/group-record.ts';
import type { Method, Methods } from '../pipeline/pipeline.ts';
import { requireFields } from '../rules/required.ts';
import { isVolumeId } from '../rules/volume-id.ts';
import { createGroupSnapshot, groupKey } from './create-group-snapshot.ts';
import { groupMessage } from './group-message.ts';
import { removeGroup } from './remove-group.ts';
import type { ServiceContext } from './services.ts';

/** CSI GroupController: snapshots of several volumes at one moment. */
export function groupControllerMethods(context: ServiceContext): Methods<csi.GroupControllerService> {
  return {
    GroupControllerGetCapabilities: {
      run: async () => ({ capabilities: [{ rpc: { type: 'CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT' } }] }),
    },
    CreateVolumeGroupSnapshot: createGroupSnapshot(context),
    GetVolumeGroupSnapshot: getGroupSnapshot(context),
    DeleteVolumeGroupSnapshot: deleteGroupSnapshot(context),
  };
}

function getGroupSnapshot(
  context: ServiceContext,
): Method<csi.GetVolumeGroupSnapshotRequest, csi.GetVolumeGroupSnapshotResponse> {
  return {
    validate: ({ groupSnapshotId }) => requireFields({ group_snapshot_id: groupSnapshotId }),
    run: async ({ groupSnapshotId, snapshotIds }) => {
      const group = find(context, groupSnapshotId);
      if (group?.state !== 'ready') {
        throw grpcError('NOT_FOUND', `group snapshot "${groupSnapshotId}" does not exist`);
      }
      refuseMismatch(group, snapshotIds);
      return { groupSnapshot: groupMessage(context, group) };
    },
  };
}

/** DeleteVolumeGroupSnapshot: with all its members; an unknown id is fine (CSI spec, DeleteVolumeGroupSnapshot). */
function deleteGroupSnapshot(
  context: ServiceContext,
): Method<csi.DeleteVolumeGroupSnapshotRequest, csi.DeleteVolumeGroupSnapshotResponse> {
  return {
    validate: ({ groupSnapshotId }) => requireFields({ group_snapshot_id: groupSnapshotId }),
    keys: ({ groupSnapshotId }) => {
      const name = find(context, groupSnapshotId)?.name;
      return [groupSnapshotId, ...(name === undefined ? [] : [groupKey(name)])];
    },
    run: async ({ groupSnapshotId, snapshotIds }) => {
      const group = find(context, groupSnapshotId);
      if (!group) return {};
      refuseMismatch(group, snapshotIds);
      using members = new DisposableStack();
      for (const { snapshotId } of group.members) members.use(context.jobs.sources.exclude(snapshotId));
      await removeGroup(context, group);
      return {};
    },
  };
}

function find({ catalog }: ServiceContext, id: string): GroupRecord | undefined {
  return isVolumeId(id) ? catalog.groups.find(id) : undefined;
}

function refuseMismatch({ id, members }: GroupRecord, asked: readonly string[]): void {
  const own = members.map(({ snapshotId }) => snapshotId);
  if (asked.length === own.length && new Set(asked).size === own.length && own.every((each) => asked.includes(each))) {
    return;
  }
  throw grpcError('INVALID_ARGUMENT', `snapshot_ids are not those of group snapshot "${id}": ${own.join(', ')}`);
}
