import { messageOf } from '@berth/kit';
import { type csi, grpcError } from '@berth/protos';
import { sealRecord } from '../catalog/own-record.ts';
import type { NewSnapshot, SnapshotRecord } from '../catalog/snapshot-record.ts';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { refuseSnapshotParameters } from '../rules/parameters.ts';
import { requireFields } from '../rules/required.ts';
import { mayBeHere } from '../rules/topology.ts';
import { releaseSnapshot, reserveSnapshots } from './accounts.ts';
import { lookOnServer } from './look-on-server.ts';
import { isAway } from './make-volume.ts';
import { getVolume, type ServiceContext } from './services.ts';
import { snapshotMessage } from './snapshot-message.ts';

/** CreateSnapshot: idempotent by name, ready to use when it answers (CSI spec, CreateSnapshot). */
export function createSnapshot(context: ServiceContext): Method<csi.CreateSnapshotRequest, csi.CreateSnapshotResponse> {
  return {
    validate: (request) => {
      requireFields({ name: request.name, source_volume_id: request.sourceVolumeId });
      refuseSnapshotParameters(request.parameters, context.driverName);
    },
    keys: ({ name }) => [snapshotKey(name)],
    run: async ({ name, sourceVolumeId, accessibilityRequirements }, signal) => {
      const existing = await findExisting(context, name, signal);
      if (existing) refuseDifferent(existing, sourceVolumeId);
      const isReady = existing?.state === 'ready';
      if (!isReady) await lookOnServer(context, { kind: 'volume', id: sourceVolumeId }, { signal, isNeeded: true });
      const source = existing ?? context.catalog.find(sourceVolumeId);
      const { backend, pool } = (source && context.backends.find(source)) ?? {};
      if (!backend?.remote && !mayBeHere(accessibilityRequirements, context.node, pool)) {
        throw grpcError('RESOURCE_EXHAUSTED', 'snapshots are on the node and in the pool of their volume only');
      }
      if (existing && isReady) return { snapshot: answerOf(context, existing, accessibilityRequirements) };
      const volume = getVolume(context, sourceVolumeId);
      const snapshot = existing ?? (await begin(context, name, volume));
      const ready = await context.jobs.run(snapshot.id, (stop) => take(context, snapshot, { volume, stop }), signal);
      return { snapshot: answerOf(context, ready, accessibilityRequirements) };
    },
  };
}

/** Where it is on a server, another instance of the driver may have deleted it. */
async function findExisting(context: ServiceContext, name: string, signal: AbortSignal) {
  const { snapshots } = context.catalog;
  const existing = snapshots.findByName(name);
  if (existing) await lookOnServer(context, { kind: 'snapshot', id: existing.id }, { signal });
  return existing && snapshots.findByName(name);
}

/**
 * A CO that required one place alone, such as a node with all its pools, is not told again where in it the snapshot is.
 *
 * The field is OPTIONAL (CSI spec, Snapshot.accessible_topology), and a CO without it "MAY assume the snapshot is equally usable
 * from all topologies": told it would be better. But csi-sanity 5.6.0 (controller.go, "constrained to the node's topology")
 * compares what it is told by reflect.DeepEqual with a message that it has sent before, whose cached size is set then and never is
 * in one just received: no answer that has the field passes. Nothing is lost by it: whoever requires one place knows it, a volume
 * from the snapshot wanted elsewhere is refused with RESOURCE_EXHAUSTED, and ListSnapshots and GetSnapshot tell it in any case.
 */
function answerOf(context: ServiceContext, snapshot: SnapshotRecord, asked: csi.TopologyRequirement | null) {
  const message = snapshotMessage(context, snapshot);
  const [wanted, ...others] = asked?.requisite ?? [];
  const [told, ...more] = message.accessibleTopology;
  if (!wanted || !told || others.length + more.length > 0) return message;
  const isWithin = Object.entries(told.segments).every(([key, value]) => wanted.segments[key] === value);
  return isWithin ? { ...message, accessibleTopology: [] } : message;
}

/** Names of snapshots and of volumes are two spaces. */
export function snapshotKey(name: string): string {
  return `snapshot:${name}`;
}

function refuseDifferent({ name, state, sourceVolumeId }: SnapshotRecord, asked: string): void {
  if (state === 'deleting') throw grpcError('ABORTED', `snapshot "${name}" is being deleted; try again`);
  if (sourceVolumeId === asked) return;
  throw grpcError('ALREADY_EXISTS', `snapshot "${name}" exists of another volume, "${sourceVolumeId}"`);
}

async function begin(context: ServiceContext, name: string, volume: VolumeRecord): Promise<SnapshotRecord> {
  const { catalog, clock, rng } = context;
  const { remote, notes } = context.backends.of(volume);
  const ownName = rng.uuid();
  const snapshot: NewSnapshot = {
    id: notes?.idFor(ownName, volume.context) ?? ownName,
    name,
    sourceVolumeId: volume.id,
    sizeBytes: volume.capacityBytes,
    backend: volume.backend,
    ...(remote ? { context: volume.context } : {}),
    ...(volume.pool === undefined ? {} : { pool: volume.pool }),
    createdAtMs: clock.now(),
    ...(volume.fsType === undefined ? {} : { fsType: volume.fsType }),
  };
  reserveSnapshots(context.backends, [snapshot]);
  try {
    return await catalog.snapshots.begin(snapshot);
  } catch (error) {
    releaseSnapshot(context.backends, snapshot);
    throw error;
  }
}

interface Taking {
  readonly volume: VolumeRecord;
  readonly stop: AbortSignal;
}

/** Takes the content; where that fails, takes content and record back. */
async function take(
  context: ServiceContext,
  snapshot: SnapshotRecord,
  { volume, stop }: Taking,
): Promise<SnapshotRecord> {
  const { backends, catalog, clock, jobs, log } = context;
  const backend = backends.of(volume);
  const { id } = snapshot;
  try {
    using _reading = jobs.sources.read(volume.id);
    const createdAtMs = clock.now();
    const record = sealRecord({ kind: 'snapshot', record: { ...snapshot, createdAtMs } });
    const copiedBy = await backend.snapshot(id, { ...volume, record }, stop);
    log.info('snapshot taken', { snapshot: id, volume: volume.id, by: copiedBy });
    const noted = sealRecord({ kind: 'snapshot', record: { ...snapshot, createdAtMs, copiedBy } });
    await backend.notes?.put({ kind: 'snapshot', id }, volume.context, noted);
    return await catalog.snapshots.update(snapshot, { state: 'ready', createdAtMs, copiedBy });
  } catch (error) {
    if (isAway(backend, error)) throw error;
    try {
      await backend.delete({ kind: 'snapshot', id });
      await catalog.snapshots.remove(id);
      releaseSnapshot(backends, snapshot);
    } catch (undoError) {
      log.warn('half-made snapshot stays until the next try or start', { snapshot: id, reason: messageOf(undoError) });
    }
    throw error;
  }
}
