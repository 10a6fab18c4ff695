import { asGrpcError, type csi } from '@berth/protos';
import { type Check, expectCode, fail, skip } from '../check.ts';
import type { Subject } from '../subject.ts';

const needs = ['controller:CREATE_DELETE_VOLUME', 'group:CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT'] as const;

/** Snapshots of several volumes (CSI spec, GroupController). */
export const groupChecks: readonly Check[] = [
  {
    id: 'group.one-snapshot-each',
    section: 'CreateVolumeGroupSnapshot',
    rule: 'A group has one snapshot of each volume, which name it; asked for again it is the same; it can be got by its id.',
    needs,
    run: async (subject) => {
      const { group, sourceVolumeIds, name } = await aGroup(subject);
      const sources = group.snapshots.map(({ sourceVolumeId }) => sourceVolumeId);
      if (sources.toSorted().join() !== sourceVolumeIds.toSorted().join())
        fail(`it has snapshots of ${sources.join(', ')}`);
      const { groupSnapshotId } = group;
      if (group.snapshots.some((one) => one.groupSnapshotId !== groupSnapshotId))
        fail('a member does not name the group');
      const again = await subject.group.CreateVolumeGroupSnapshot({ name, sourceVolumeIds });
      if (again.groupSnapshot?.groupSnapshotId !== groupSnapshotId) fail('a second group was made under the name');
      const got = await subject.group.GetVolumeGroupSnapshot({ groupSnapshotId, snapshotIds: idsOf(group) });
      if (got.groupSnapshot?.snapshots.length !== sources.length) fail('the group that is got has other members');
    },
  },
  {
    id: 'group.name-is-taken',
    section: 'CreateVolumeGroupSnapshot Errors',
    rule: 'The name of a group of other volumes is ALREADY_EXISTS; an unknown volume is NOT_FOUND.',
    needs,
    run: async (subject) => {
      const { name, sourceVolumeIds } = await aGroup(subject);
      const fewer = subject.group.CreateVolumeGroupSnapshot({ name, sourceVolumeIds: sourceVolumeIds.slice(0, 1) });
      await expectCode('the name for other volumes', fewer, 'ALREADY_EXISTS');
      const unknown = { name: subject.name('group'), sourceVolumeIds: [...sourceVolumeIds, 'csictl-nobody-made-this'] };
      await expectCode('an unknown volume', subject.group.CreateVolumeGroupSnapshot(unknown), 'NOT_FOUND');
    },
  },
  {
    id: 'group.members-stay-together',
    section: 'DeleteSnapshot; DeleteVolumeGroupSnapshot',
    rule: 'A member alone is not deleted (INVALID_ARGUMENT), nor a group whose members are named otherwise; nothing changes.',
    needs,
    run: async (subject) => {
      const { group } = await aGroup(subject);
      const { groupSnapshotId } = group;
      const snapshotIds = idsOf(group);
      const alone = subject.controller.DeleteSnapshot({ snapshotId: snapshotIds[0] ?? '' });
      await expectCode('deleting a member', alone, 'INVALID_ARGUMENT');
      const part = subject.group.DeleteVolumeGroupSnapshot({ groupSnapshotId, snapshotIds: snapshotIds.slice(1) });
      await expectCode('deleting with a part of the members', part, 'INVALID_ARGUMENT');
      const { groupSnapshot } = await subject.group.GetVolumeGroupSnapshot({ groupSnapshotId, snapshotIds });
      if (groupSnapshot?.snapshots.length !== snapshotIds.length) fail('members are gone');
    },
  },
  {
    id: 'group.delete-twice',
    section: 'DeleteVolumeGroupSnapshot',
    rule: 'A group is deleted with its members, again is OK, and so is one that is not there; then it is NOT_FOUND.',
    needs,
    run: async (subject) => {
      const { group } = await aGroup(subject);
      const request = { groupSnapshotId: group.groupSnapshotId, snapshotIds: idsOf(group) };
      for (const _ of [1, 2]) await subject.group.DeleteVolumeGroupSnapshot(request);
      await expectCode('getting it', subject.group.GetVolumeGroupSnapshot(request), 'NOT_FOUND');
      const unknown = { groupSnapshotId: 'csictl-nobody-made-this', snapshotIds: [] };
      await expectCode('one that is not there', subject.group.DeleteVolumeGroupSnapshot(unknown), 'OK');
    },
  },
];

async function aGroup(subject: Subject) {
  const sourceVolumeIds = [(await subject.create()).volumeId, (await subject.create()).volumeId];
  const name = subject.name('group');
  const { groupSnapshot } = await subject.group
    .CreateVolumeGroupSnapshot({ name, sourceVolumeIds })
    .catch(whereOffered);
  return { group: groupSnapshot ?? fail('the answer is OK without a group'), sourceVolumeIds, name };
}

/** A driver may not be able to take one moment of these volumes (CSI spec, CreateVolumeGroupSnapshot Errors). */
function whereOffered(error: unknown): never {
  const { code, message } = asGrpcError(error);
  if (code === 'FAILED_PRECONDITION') skip(`not of these volumes: ${message}`);
  throw error;
}

function idsOf({ snapshots }: csi.VolumeGroupSnapshot): string[] {
  return snapshots.map(({ snapshotId }) => snapshotId);
}
