import type { csi } from '@berth/protos';
import type { NotedVolume, ServerNotes } from '../backend/backend.ts';
import { openRecord } from '../catalog/own-record.ts';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { isVolumeId } from '../rules/volume-id.ts';
import { publishedNodes } from './attach-volume.ts';
import { boundedPage, type Page } from './bounded-page.ts';
import { pageSize, sequenceOf } from './page-token.ts';
import type { ServiceContext } from './services.ts';
import { volumeMessage } from './volume-message.ts';

type Entry = csi.ListVolumesResponseEntry;

/** Tokens behind the catalog's last volume: what follows is the backend's own. */
const onServers = 'noted-';

/**
 * ListVolumes: pages in the order volumes were made; a token stays good whatever is made or deleted meanwhile. Of the catalog
 * first, without what another instance of the driver deleted; then what others made on servers this one ever used.
 */
export function listVolumes(context: ServiceContext): Method<csi.ListVolumesRequest, csi.ListVolumesResponse> {
  const { catalog } = context;
  const notes = context.backends.all.find((backend) => backend.notes)?.notes;
  return {
    validate: ({ maxEntries }) => void pageSize(maxEntries),
    run: async ({ maxEntries, startingToken }, signal) => {
      const size = pageSize(maxEntries);
      if (notes && startingToken.startsWith(onServers))
        return await ofOthers(context, { notes, from: startingToken.slice(onServers.length), most: size }, signal);
      const after = sequenceOf(startingToken, () => catalog.lastSequence());
      const page = await ofCatalog(context, { after, size, notes }, signal);
      if (!notes || page.nextToken !== '') return page;
      const others = await ofOthers(context, { notes, from: undefined, most: size - page.entries.length }, signal);
      return { entries: [...page.entries, ...others.entries], nextToken: others.nextToken };
    },
  };
}

interface CatalogPart {
  readonly after: number;
  readonly size: number;
  readonly notes: ServerNotes | undefined;
}

async function ofCatalog(
  context: ServiceContext,
  { after, size, notes }: CatalogPart,
  signal: AbortSignal,
): Promise<Page<Entry>> {
  const volumes = context.catalog.listAfter(after, size + 1);
  // One that is on its way, here or to nowhere, may have no note.
  const settled = volumes.filter(({ state, backend }) => state === 'ready' && isNoted(context, backend));
  const ids = settled.slice(0, size).map(({ id }) => id);
  const gone = notes && ids.length > 0 ? await notes.missing(ids, signal) : undefined;
  return boundedPage(volumes, size, (volume) =>
    volume.state === 'creating' || gone?.has(volume.id) ? undefined : entryOf(context, volume),
  );
}

interface ServerPart {
  readonly notes: ServerNotes;
  readonly from: string | undefined;
  readonly most: number;
}

async function ofOthers(
  context: ServiceContext,
  { notes, from, most }: ServerPart,
  signal: AbortSignal,
): Promise<Page<Entry>> {
  const isKnown = (id: string) => context.catalog.has(id);
  const page = await notes.page(from, { most, isKnown }, signal);
  const entries = page.notes.flatMap((note) => {
    const volume = credible(context, notes, note);
    return volume && !isKnown(volume.id) ? [entryOf(context, volume)] : [];
  });
  return { entries, nextToken: page.next === undefined ? '' : `${onServers}${page.next}` };
}

/** Who may write to a share may write notes: nothing in one is believed unchecked. */
function credible(context: ServiceContext, notes: ServerNotes, { bytes, at, isOf }: NotedVolume) {
  const own = openRecord(Buffer.from(bytes));
  if (typeof own === 'string' || own.kind !== 'volume') return undefined;
  const { id, backend, pool, context: volumeContext = {} } = own.record;
  if (!isVolumeId(id) || !isOf(id) || pool !== undefined || !isNoted(context, backend)) return undefined;
  return notes.isCredible(id, volumeContext, at) ? (own.record as VolumeRecord) : undefined;
}

function isNoted({ backends }: ServiceContext, name: string): boolean {
  return backends.all.some((backend) => backend.name === name && backend.notes !== undefined);
}

function entryOf(context: ServiceContext, volume: VolumeRecord): Entry {
  return {
    volume: volumeMessage(context, volume),
    status: { publishedNodeIds: publishedNodes(context, volume.id) },
  } as Entry;
}
