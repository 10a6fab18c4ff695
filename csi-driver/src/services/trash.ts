import { type berth, grpcError } from '@berth/protos';
import type { TrashedRecord } from '../catalog/trash-table.ts';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import type { Method, Methods } from '../pipeline/pipeline.ts';
import { requireFields } from '../rules/required.ts';
import { topologyOf } from '../rules/topology.ts';
import { isVolumeId } from '../rules/volume-id.ts';
import { pageSize, sequenceOf, tokenAfter } from './page-token.ts';
import type { ServiceContext } from './services.ts';
import { timestampOf } from './snapshot-message.ts';

/** berth.csi.v1.Trash: deleted volumes that can be had back. */
export function trashMethods(context: ServiceContext): Methods<berth.TrashService> {
  return { ListTrash: listTrash(context), Undelete: undelete(context) };
}

function listTrash(context: ServiceContext): Method<berth.ListTrashRequest, berth.ListTrashResponse> {
  const { trashed } = context.catalog;
  return {
    validate: ({ maxEntries }) => void pageSize(maxEntries),
    run: async ({ maxEntries, startingToken }) => {
      const size = pageSize(maxEntries);
      const found = trashed.listAfter(
        sequenceOf(startingToken, () => trashed.lastSequence()),
        size + 1,
      );
      const page = found.slice(0, size);
      return {
        entries: page.filter((one) => isRestorable(context, one)).map((one) => trashedMessage(context, one)),
        nextToken: found.length > size ? tokenAfter(page.at(-1)?.sequence) : '',
      };
    },
  };
}

function undelete(context: ServiceContext): Method<berth.UndeleteRequest, berth.UndeleteResponse> {
  const { catalog, log } = context;
  const find = (id: string) => (isVolumeId(id) ? catalog.trashed.find(id) : undefined);
  return {
    validate: ({ volumeId }) => requireFields({ volume_id: volumeId }),
    keys: ({ volumeId }) => {
      const trashed = find(volumeId);
      const isThere = (trashed && isRestorable(context, trashed)) || (isVolumeId(volumeId) && catalog.find(volumeId));
      // Nothing to work on: whoever removes it for good is not waited for.
      if (!isThere) return [];
      return [volumeId, ...(trashed ? [trashed.name] : [])];
    },
    run: async ({ volumeId }) => {
      const trashed = find(volumeId);
      const volume = isVolumeId(volumeId) ? catalog.find(volumeId) : undefined;
      // The answer to an earlier call may be lost.
      if (volume?.state === 'ready') return { volume: volumeMessage(context, volume) };
      if (!trashed || !isRestorable(context, trashed)) {
        throw grpcError('NOT_FOUND', `volume "${volumeId}" is not in the trash; it may have been removed for good`);
      }
      const other = catalog.findByName(trashed.name);
      if (other) {
        throw grpcError(
          'ALREADY_EXISTS',
          `volume "${volumeId}" cannot be restored as "${trashed.name}": volume "${other.id}" has that name now; delete that one first`,
        );
      }
      const restored = await catalog.trashed.restore(trashed);
      log.info('volume restored from the trash', { volume: volumeId });
      return { volume: volumeMessage(context, restored) };
    },
  };
}

/** What is about to be removed is not offered any more. */
function isRestorable({ clock }: ServiceContext, { state, expiresAtMs }: TrashedRecord): boolean {
  return state === 'ready' && expiresAtMs > clock.now();
}

function trashedMessage(context: ServiceContext, trashed: TrashedRecord): berth.TrashedVolume {
  const { trashedAtMs, expiresAtMs } = trashed;
  return {
    volume: volumeMessage(context, trashed),
    deletedAt: timestampOf(trashedAtMs),
    expiresAt: timestampOf(expiresAtMs),
  };
}

function volumeMessage({ backends, node }: ServiceContext, volume: VolumeRecord): berth.Volume {
  const pool = backends.find(volume)?.pool;
  return {
    volumeId: volume.id,
    name: volume.name,
    capacityBytes: String(volume.capacityBytes),
    volumeContext: { ...volume.context },
    segments: topologyOf(node, pool ? [pool] : []).segments,
    backend: volume.backend,
    pool: pool?.name ?? '',
    fsType: volume.fsType ?? '',
  };
}
