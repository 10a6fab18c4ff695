import type { csi } from '@berth/protos';
import type { Method } from '../pipeline/pipeline.ts';
import { publishedNodes } from './attach-volume.ts';
import { pageSize, sequenceOf, tokenAfter } from './page-token.ts';
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
      const volumes = catalog.listAfter(after, size + 1);
      const page = volumes.slice(0, size);
      return {
        entries: page
          .filter((volume) => volume.state !== 'creating')
          .map((volume) => ({
            volume: volumeMessage(context, volume),
            status: { publishedNodeIds: publishedNodes(context, volume.id) },
          })),
        nextToken: volumes.length > size ? tokenAfter(page.at(-1)?.sequence) : '',
      };
    },
  };
}
