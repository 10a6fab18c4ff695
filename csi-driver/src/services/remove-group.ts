import type { GroupRecord } from '../catalog/group-record.ts';
import { removeSnapshot } from './delete-snapshot.ts';
import type { ServiceContext } from './services.ts';

/** Each step can be repeated: a crash between two of them is finished at the next start. */
export async function removeGroup(
  context: Pick<ServiceContext, 'catalog' | 'backends'>,
  group: GroupRecord,
): Promise<void> {
  const { groups, snapshots } = context.catalog;
  if (group.state === 'ready') await groups.update(group, { state: 'deleting' });
  for (const { snapshotId } of group.members) {
    const member = snapshots.find(snapshotId);
    if (member) await removeSnapshot(context, member);
  }
  await groups.remove(group.id);
}
