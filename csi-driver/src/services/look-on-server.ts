import { grpcError } from '@berth/protos';
import type { Backend, NotedAt, ServerNotes, Stored } from '../backend/backend.ts';
import { type OwnRecord, openRecord } from '../catalog/own-record.ts';
import type { SnapshotRecord } from '../catalog/snapshot-record.ts';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import { isVolumeId } from '../rules/volume-id.ts';
import { isAway } from './make-volume.ts';
import type { ServiceContext } from './services.ts';

type Known = Pick<ServiceContext, 'catalog' | 'backends' | 'jobs' | 'log'>;
type Noting = Backend & { readonly notes: ServerNotes };

/**
 * Brings the catalog in line with what is noted on the server of a volume or snapshot: one that another instance of the
 * driver made is taken in, one that another deleted is let go of. Where the server is away the catalog counts, if it knows.
 * What is in a pool is none of this.
 * @throws GrpcError UNAVAILABLE – only the server can tell, or it is needed, and it does not answer; FAILED_PRECONDITION – it refuses.
 */
export async function lookOnServer(
  context: Known,
  stored: Stored,
  { signal, isNeeded = false, ...at }: NotedAt & Look,
): Promise<void> {
  const { kind, id } = stored;
  if (!isVolumeId(id)) return;
  const known = recordOf(context, stored);
  if (known && known.state !== 'ready') return;
  const backend = known ? context.backends.find(known)?.backend : context.backends.all.find(({ notes }) => notes);
  if (!backend?.notes) return;
  // Where its own id does not say where it is, it may be from before there were notes.
  const where = known ? {} : at;
  const work = (stop: AbortSignal) => align(context, { stored, backend: backend as Noting, at: where }, stop);
  try {
    await context.jobs.run(`note of ${kind} ${id}`, work, signal);
  } catch (error) {
    if (isNeeded || !recordOf(context, stored) || !isAway(backend, error)) throw error;
  }
}

interface Look {
  readonly signal: AbortSignal;
  /** The call has more to do on the server: one that is away is not waited for twice. */
  readonly isNeeded?: boolean;
}

/**
 * Takes in a volume of this name that another instance of the driver made where the new one would be: whose answer was lost
 * asks again, and may ask another instance.
 * @throws GrpcError – as {@link lookOnServer}.
 */
export async function lookByName(
  context: Known,
  { backend, name, described }: { readonly backend: Backend; readonly name: string; readonly described: Described },
  signal: AbortSignal,
): Promise<void> {
  for (const note of (await backend.notes?.ofPlace(described, signal)) ?? []) {
    const own = openRecord(Buffer.from(note));
    if (typeof own === 'string' || own.kind !== 'volume' || own.record.name !== name) continue;
    await lookOnServer(context, { kind: 'volume', id: own.record.id }, { signal });
  }
}

type Described = Readonly<Record<string, string>>;

interface Question {
  readonly stored: Stored;
  readonly backend: Noting;
  readonly at: NotedAt;
}

async function align(context: Known, { stored, backend, at }: Question, stop: AbortSignal): Promise<void> {
  const { kind, id } = stored;
  const asked = backend.notes.find(stored, at, stop);
  if (!asked) return;
  const bytes = await asked;
  // Somebody may have begun to delete it, or ended, meanwhile.
  const known = recordOf(context, stored);
  if (known && known.state !== 'ready') return;
  if (!bytes) return known ? await letGo(context, stored) : undefined;
  const own = checked(bytes, { stored, backend, at });
  if (!own) return context.log.warn('a note on a server is none of this driver', { [kind]: id });
  if (!known) return await takeIn(context, own);
  await follow(context, own);
}

function recordOf({ catalog }: Known, { kind, id }: Stored): VolumeRecord | SnapshotRecord | undefined {
  return kind === 'volume' ? catalog.find(id) : catalog.snapshots.find(id);
}

/** Who may write to a share may write notes: nothing in one is believed unchecked. */
function checked(bytes: Uint8Array, { stored, backend, at }: Question): OwnRecord | undefined {
  const own = openRecord(Buffer.from(bytes));
  if (own === 'newer') {
    throw grpcError(
      'FAILED_PRECONDITION',
      `${stored.kind} "${stored.id}" was noted by a newer csi-driver; use that one`,
    );
  }
  if (own === 'damaged' || own.kind !== stored.kind) return undefined;
  const { id, backend: name, pool, context = {} } = own.record;
  if (id !== stored.id || name !== backend.name || pool !== undefined) return undefined;
  return backend.notes.isCredible(id, context, at) ? own : undefined;
}

async function takeIn({ catalog, log }: Known, { kind, record }: OwnRecord): Promise<void> {
  const table = kind === 'snapshot' ? catalog.snapshots : catalog;
  // Names are for the calls that make things, and no such call of this driver has made it.
  const name = table.findByName(record.name) ? record.id : record.name;
  log.info('taken over from another instance of the driver', { [kind]: record.id });
  if (kind === 'snapshot') await catalog.snapshots.adopt({ ...record, name });
  else await catalog.adopt({ ...record, name });
}

/** Another instance may have made it larger. */
async function follow({ catalog }: Known, { kind, record }: OwnRecord): Promise<void> {
  const known = kind === 'volume' ? catalog.find(record.id) : undefined;
  if (!known || !('capacityBytes' in record) || record.capacityBytes <= known.capacityBytes) return;
  await catalog.update(known, { capacityBytes: record.capacityBytes });
}

async function letGo({ catalog, log }: Known, { kind, id }: Stored): Promise<void> {
  log.info('another instance of the driver has deleted it', { [kind]: id });
  if (kind === 'snapshot') return await catalog.snapshots.remove(id);
  for (const { nodeId } of catalog.attachments.ofVolume(id)) await catalog.attachments.remove(id, nodeId);
  await catalog.remove(id);
}
