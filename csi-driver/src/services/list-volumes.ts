import type { csi } from '@berth/protos';
import type { Method } from '../pipeline/pipeline.ts';
import { publishedNodes } from './attach-volume.ts';
import { boundedPage } from './bounded-page.ts';
import { pageSize, sequenceOf } from './page-token.ts';
import type { ServiceContext } from './services.ts';
import { volumeMessage } from './volume-message.ts';

/** ListVolumes: pages in the order volumes were made; a token stays good whatever is made or deleted meanwhile. */
export function listVolumes(context: ServiceContext): Method<csi.ListVolumesRequest, csi.ListVolumesResponse> {
  const { catalog } = context;
  return {
    validate: ({ maxEntries }) => void pageSize(maxEntries),
    run: async ({ maxEntries, startingToken }) => {
      const after = sequenceOf(startingToken, () => catalog.lastSequence());
      const size = pageSize(maxEntries);
      return boundedPage(catalog.listAfter(after, size + 1), size, (volume) => {
        if (volume.state === 'creating') return undefined;
        const status = { publishedNodeIds: publishedNodes(context, volume.id) };
        return { volume: volumeMessage(context, volume), status };
      });
    },
  };
}
