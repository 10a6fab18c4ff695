import { type csi, grpcError } from '@berth/protos';
import type { Method } from '../pipeline/pipeline.ts';
import type { ServiceContext } from './services.ts';
import { volumeMessage } from './volume-message.ts';

/** A page holds no more than this, so that an answer stays far below gRPC's 4 MB. */
const maxPage = 1000;

/** ListVolumes: pages in the order volumes were made; a token stays good whatever is made or deleted meanwhile. */
export function listVolumes(context: ServiceContext): Method<csi.ListVolumesRequest, csi.ListVolumesResponse> {
  const { catalog, node } = context;
  return {
    validate: ({ maxEntries }) => {
      if (maxEntries < 0) throw grpcError('INVALID_ARGUMENT', `max_entries is ${maxEntries}; it may not be negative`);
    },
    run: async ({ maxEntries, startingToken }) => {
      const after = parseToken(startingToken, () => catalog.lastSequence());
      const size = maxEntries === 0 ? maxPage : Math.min(maxEntries, maxPage);
      const volumes = catalog.listAfter(after, size + 1);
      const page = volumes.slice(0, size);
      return {
        entries: page
          .filter((volume) => volume.state !== 'creating')
          .map((volume) => ({ volume: volumeMessage(volume, node), status: { publishedNodeIds: [] } })),
        nextToken: volumes.length > size ? `after-${page.at(-1)?.sequence}` : '',
      };
    },
  };
}

function parseToken(token: string, last: () => number): number {
  if (token === '') return 0;
  const sequence = Number(/^after-(\d{1,15})$/.exec(token)?.[1] ?? Number.NaN);
  if (Number.isNaN(sequence) || sequence > last()) {
    throw grpcError('ABORTED', 'starting_token is not one this driver gave; list again from the beginning');
  }
  return sequence;
}
