import { type csi, grpcError } from '@berth/protos';
import type { SnapshotRecord } from '../catalog/snapshot-record.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { requireFields } from '../rules/required.ts';
import { isVolumeId } from '../rules/volume-id.ts';
import { releaseSnapshot } from './accounts.ts';
import { snapshotKey } from './create-snapshot.ts';
import { lookOnServer } from './look-on-server.ts';
import type { ServiceContext } from './services.ts';

/** DeleteSnapshot: an unknown id is fine; one that a volume is being filled from is ABORTED (CSI spec, DeleteSnapshot). */
export function deleteSnapshot(context: ServiceContext): Method<csi.DeleteSnapshotRequest, csi.DeleteSnapshotResponse> {
  const find = (id: string) => (isVolumeId(id) ? context.catalog.snapshots.find(id) : undefined);
  return {
    validate: ({ snapshotId }) => requireFields({ snapshot_id: snapshotId }),
    keys: ({ snapshotId }) => {
      const name = find(snapshotId)?.name;
      return [snapshotId, ...(name === undefined ? [] : [snapshotKey(name)])];
    },
    run: async ({ snapshotId }, signal) => {
      if (!find(snapshotId)) await lookOnServer(context, { kind: 'snapshot', id: snapshotId }, { signal });
      refuseMember(find(snapshotId));
      await context.jobs.cancel(snapshotId);
      const snapshot = find(snapshotId);
      if (!snapshot) return {};
      using _alone = context.jobs.sources.exclude(snapshotId);
      await removeSnapshot(context, snapshot);
      return {};
    },
  };
}

/** @throws GrpcError INVALID_ARGUMENT – it is deleted with its group, and only so (CSI spec, Snapshot.group_snapshot_id). */
function refuseMember(snapshot: SnapshotRecord | undefined): void {
  if (snapshot?.groupId === undefined) return;
  throw grpcError(
    'INVALID_ARGUMENT',
    `snapshot "${snapshot.id}" belongs to group snapshot "${snapshot.groupId}"; delete that one`,
  );
}

/** Each step can be repeated: a crash between two of them is finished at the next start. */
export async function removeSnapshot(
  { catalog, backends }: Pick<ServiceContext, 'catalog' | 'backends'>,
  snapshot: SnapshotRecord,
): Promise<void> {
  const backend = backends.of(snapshot);
  if (snapshot.state === 'ready') await catalog.snapshots.update(snapshot, { state: 'deleting' });
  await backend.delete({ kind: 'snapshot', id: snapshot.id });
  await catalog.snapshots.remove(snapshot.id);
  releaseSnapshot(backends, snapshot);
}
