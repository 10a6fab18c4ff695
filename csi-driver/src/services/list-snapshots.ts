import { type csi, grpcError } from '@berth/protos';
import type { SnapshotRecord } from '../catalog/snapshot-record.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { requireFields } from '../rules/required.ts';
import { isVolumeId } from '../rules/volume-id.ts';
import { boundedPage } from './bounded-page.ts';
import { lookOnServer } from './look-on-server.ts';
import { pageSize, sequenceOf } from './page-token.ts';
import type { ServiceContext } from './services.ts';
import { snapshotMessage } from './snapshot-message.ts';

/** ListSnapshots: all, of one volume, or one; pages in the order they were made. What is unknown is an empty list. */
export function listSnapshots(context: ServiceContext): Method<csi.ListSnapshotsRequest, csi.ListSnapshotsResponse> {
  const { snapshots } = context.catalog;
  return {
    validate: ({ maxEntries }) => void pageSize(maxEntries),
    run: async ({ maxEntries, startingToken, sourceVolumeId, snapshotId }, signal) => {
      const after = sequenceOf(startingToken, () => snapshots.lastSequence());
      if (snapshotId !== '') await lookOnServer(context, { kind: 'snapshot', id: snapshotId }, { signal });
      if (snapshotId !== '')
        return boundedPage(one(context, { snapshotId, sourceVolumeId }), 1, (snapshot) => entryOf(context, snapshot));
      const size = pageSize(maxEntries);
      const found =
        sourceVolumeId === ''
          ? snapshots.listAfter(after, size + 1)
          : snapshots.listOfVolume(sourceVolumeId, after, size + 1);
      return boundedPage(found, size, (snapshot) => entryOf(context, snapshot));
    },
  };
}

/** GetSnapshot: one snapshot, by its id (CSI spec, GetSnapshot). */
export function getSnapshot(context: ServiceContext): Method<csi.GetSnapshotRequest, csi.GetSnapshotResponse> {
  return {
    validate: ({ snapshotId }) => requireFields({ snapshot_id: snapshotId }),
    run: async ({ snapshotId }, signal) => {
      await lookOnServer(context, { kind: 'snapshot', id: snapshotId }, { signal });
      const [snapshot] = one(context, { snapshotId, sourceVolumeId: '' });
      if (snapshot?.state !== 'ready') throw grpcError('NOT_FOUND', `snapshot "${snapshotId}" does not exist`);
      return { snapshot: snapshotMessage(context, snapshot) };
    },
  };
}

interface Filter {
  readonly snapshotId: string;
  readonly sourceVolumeId: string;
}

function one({ catalog }: ServiceContext, { snapshotId, sourceVolumeId }: Filter): SnapshotRecord[] {
  const snapshot = isVolumeId(snapshotId) ? catalog.snapshots.find(snapshotId) : undefined;
  if (!snapshot || (sourceVolumeId !== '' && snapshot.sourceVolumeId !== sourceVolumeId)) return [];
  return [snapshot];
}

/** What is being deleted is not offered any more. */
function entryOf(context: ServiceContext, snapshot: SnapshotRecord) {
  return snapshot.state === 'ready' ? { snapshot: snapshotMessage(context, snapshot) } : undefined;
}
