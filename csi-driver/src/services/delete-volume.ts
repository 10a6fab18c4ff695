import { type csi, grpcError } from '@berth/protos';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { requireFields } from '../rules/required.ts';
import { isVolumeId } from '../rules/volume-id.ts';
import { release } from './accounts.ts';
import { publishedNodes } from './attach-volume.ts';
import { lookOnServer } from './look-on-server.ts';
import type { ServiceContext } from './services.ts';

/**
 * DeleteVolume: an unknown id is fine; one that is mounted on this node, or is being copied, is refused.
 * Snapshots of it stay as they are (CSI spec, DeleteVolume).
 */
export function deleteVolume(context: ServiceContext): Method<csi.DeleteVolumeRequest, csi.DeleteVolumeResponse> {
  const find = (id: string) => (isVolumeId(id) ? context.catalog.find(id) : undefined);
  return {
    validate: ({ volumeId }) => requireFields({ volume_id: volumeId }),
    keys: ({ volumeId }) => [volumeId, ...(find(volumeId) ? [find(volumeId)?.name ?? ''] : [])],
    run: async ({ volumeId }, signal) => {
      await context.jobs.cancel(volumeId);
      if (!find(volumeId)) await lookOnServer(context, { kind: 'volume', id: volumeId }, { signal });
      const volume = find(volumeId);
      if (!volume) return {};
      refuseAttached(context, volume.id);
      const uses = context.mounts.uses(volume.id);
      if (uses.length > 0) {
        throw grpcError('FAILED_PRECONDITION', `volume "${volume.id}" is still mounted at ${uses.join(', ')}`);
      }
      using _alone = context.jobs.sources.exclude(volume.id);
      if (volume.trashTtlMs === undefined || volume.state !== 'ready') await removeVolume(context, volume);
      else await trashVolume(context, volume, volume.trashTtlMs);
      return {};
    },
  };
}

function refuseAttached(context: ServiceContext, id: string): void {
  const [node] = publishedNodes(context, id);
  if (node === undefined) return;
  throw grpcError('FAILED_PRECONDITION', `volume "${id}" is still published to node "${node}"`);
}

/** Nothing shows it any more, also no device: then one write makes it a deleted volume. */
async function trashVolume(context: ServiceContext, volume: VolumeRecord, ttlMs: number): Promise<void> {
  await context.backends.of(volume).node.retire?.(volume.id);
  await context.trash.put(volume, ttlMs);
}

/** Each step can be repeated: a crash between two of them is finished at the next start. */
export async function removeVolume(
  { catalog, backends }: Pick<ServiceContext, 'catalog' | 'backends'>,
  volume: VolumeRecord,
): Promise<void> {
  const backend = backends.of(volume);
  if (volume.state === 'ready') await catalog.update(volume, { state: 'deleting' });
  await backend.delete({ kind: 'volume', id: volume.id });
  // Left by a life in which volumes were attached.
  for (const { nodeId } of catalog.attachments.ofVolume(volume.id)) await catalog.attachments.remove(volume.id, nodeId);
  await catalog.remove(volume.id);
  release(backends, volume);
}
