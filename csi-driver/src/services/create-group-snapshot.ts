import { messageOf } from '@berth/kit';
import { type csi, grpcError } from '@berth/protos';
import type { GroupMember, GroupRecord } from '../catalog/group-record.ts';
import { sealRecord } from '../catalog/own-record.ts';
import type { SnapshotRecord } from '../catalog/snapshot-record.ts';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { refuseSnapshotParameters } from '../rules/parameters.ts';
import { requireFields } from '../rules/required.ts';
import { releaseSnapshot, reserveSnapshots } from './accounts.ts';
import { groupMessage } from './group-message.ts';
import { removeGroup } from './remove-group.ts';
import { getVolume, type ServiceContext } from './services.ts';

const forever = new AbortController().signal;

/**
 * CreateVolumeGroupSnapshot: idempotent by name, all members of one moment, ready to use when it answers
 * (CSI spec, CreateVolumeGroupSnapshot). The volumes are claimed meanwhile, so that nobody stages one in between;
 * a caller that leaves does not end it.
 */
export function createGroupSnapshot(
  context: ServiceContext,
): Method<csi.CreateVolumeGroupSnapshotRequest, csi.CreateVolumeGroupSnapshotResponse> {
  return {
    validate: ({ name, sourceVolumeIds, parameters }) => {
      requireFields({ name });
      if (sourceVolumeIds.length === 0) throw grpcError('INVALID_ARGUMENT', 'source_volume_ids is required');
      if (new Set(sourceVolumeIds).size < sourceVolumeIds.length) {
        throw grpcError('INVALID_ARGUMENT', 'source_volume_ids names a volume twice');
      }
      refuseSnapshotParameters(parameters, context.driverName);
    },
    keys: ({ name, sourceVolumeIds }) => [groupKey(name), ...sourceVolumeIds],
    run: async ({ name, sourceVolumeIds }) => {
      const existing = context.catalog.groups.findByName(name);
      if (existing) refuseDifferent(existing, sourceVolumeIds);
      if (existing?.state === 'ready') return { groupSnapshot: groupMessage(context, existing) };
      if (existing) await removeGroup(context, existing);
      const volumes = sourceVolumeIds.map((id) => getVolume(context, id));
      const stoppable = refuseMoving(context, volumes);
      const taking = await begin(context, name, volumes);
      const { id } = taking.group;
      const group = await context.jobs.run(id, (stop) => take(context, { ...taking, stoppable, stop }), forever);
      return { groupSnapshot: groupMessage(context, group) };
    },
  };
}

/** Names of groups are a space of their own. */
export function groupKey(name: string): string {
  return `group:${name}`;
}

function refuseDifferent({ name, state, members }: GroupRecord, asked: readonly string[]): void {
  if (state === 'deleting') throw grpcError('ABORTED', `group snapshot "${name}" is being deleted; try again`);
  const own = members.map(({ volumeId }) => volumeId);
  if (own.length === asked.length && own.every((id) => asked.includes(id))) return;
  throw grpcError('ALREADY_EXISTS', `group snapshot "${name}" exists of other volumes: ${own.join(', ')}`);
}

/**
 * The volumes whose writers are to wait. One whose writers go on may be among them, taken while the others stand still.
 * @throws GrpcError FAILED_PRECONDITION – no moment could be that of all snapshots.
 */
function refuseMoving({ backends, mounts }: ServiceContext, volumes: readonly VolumeRecord[]): VolumeRecord[] {
  const stoppable: VolumeRecord[] = [];
  let atomic: string | undefined;
  for (const volume of volumes) {
    const { id, backend } = volume;
    const of = backends.of(volume);
    if (!of.stillness) {
      throw grpcError(
        'FAILED_PRECONDITION',
        `volume "${id}" cannot be part of a group snapshot: volumes of the backend "${backend}" may be written from any ` +
          'node, and nothing here can make those writers wait until all snapshots are taken; take a snapshot of it alone',
      );
    }
    const stillness = of.stillness(id, mounts.uses(id).length > 0);
    if (stillness === 'stoppable') stoppable.push(volume);
    const alone = volumes.length === 1;
    if (stillness === 'moving' || (stillness === 'atomic' && atomic !== undefined && !alone)) {
      const others = atomic === undefined ? '' : `, as those of "${atomic}"`;
      throw grpcError(
        'FAILED_PRECONDITION',
        `volume "${id}" of the backend "${backend}" is in use and its writers cannot be stopped${others}: ` +
          'the snapshots would not be of one moment; unpublish and unstage it first, or use images with a filesystem',
      );
    }
    if (stillness === 'atomic') atomic = id;
  }
  return stoppable;
}

interface Begun {
  readonly group: GroupRecord;
  readonly members: readonly Member[];
}

interface Member {
  readonly volume: VolumeRecord;
  readonly snapshot: SnapshotRecord;
}

/** The intents of the group and of its members are one commit. */
async function begin(context: ServiceContext, name: string, volumes: readonly VolumeRecord[]): Promise<Begun> {
  const { catalog, clock, rng } = context;
  const createdAtMs = clock.now();
  const groupId = rng.uuid();
  const ids: GroupMember[] = volumes.map(({ id }) => ({ snapshotId: rng.uuid(), volumeId: id }));
  const sizes = volumes.map(({ capacityBytes: sizeBytes, ...volume }) => ({ ...volume, sizeBytes }));
  reserveSnapshots(context.backends, sizes);
  const beginning = catalog.groups.begin({ id: groupId, name, createdAtMs, members: ids });
  const members = volumes.map(async (volume, index): Promise<Member> => {
    const { id: sourceVolumeId, capacityBytes: sizeBytes, backend, pool, fsType } = volume;
    // No snapshot a CO asks for has such a name: it may not hold a control character.
    const own = { id: ids[index]?.snapshotId ?? '', name: `\u0001${groupId}/${index}`, groupId, groupName: name };
    const place = { backend, ...(pool === undefined ? {} : { pool }), ...(fsType === undefined ? {} : { fsType }) };
    const content = { sourceVolumeId, sizeBytes, createdAtMs, ...place };
    return { volume, snapshot: await catalog.snapshots.begin({ ...own, ...content }) };
  });
  try {
    const [group, ...begun] = await Promise.all([beginning, ...members]);
    return { group, members: begun };
  } catch (error) {
    // One commit: none of them was written.
    for (const size of sizes) releaseSnapshot(context.backends, size);
    throw error;
  }
}

interface Taking extends Begun {
  readonly stoppable: readonly VolumeRecord[];
  readonly stop: AbortSignal;
}

/** Takes all contents; where one fails, takes everything back. */
async function take(context: ServiceContext, taking: Taking): Promise<GroupRecord> {
  const { group, members } = taking;
  const { snapshots, groups } = context.catalog;
  try {
    const { createdAtMs, copiedBy } = await takeContents(context, taking);
    const ready = members.map(({ snapshot }, index) =>
      snapshots.update(snapshot, { state: 'ready', createdAtMs, copiedBy: copiedBy[index] ?? '' }),
    );
    // One turn, one commit: there is never a part of a group.
    const [done] = await Promise.all([groups.update(group, { state: 'ready', createdAtMs }), ...ready]);
    context.log.info('group snapshot taken', { group: group.id, volumes: members.map(({ volume }) => volume.id) });
    return done;
  } catch (error) {
    try {
      await removeGroup(context, group);
    } catch (undoError) {
      const reason = messageOf(undoError);
      context.log.warn('half-made group snapshot stays until the next try or start', { group: group.id, reason });
    }
    throw error;
  }
}

async function takeContents(context: ServiceContext, { members, stoppable, stop }: Taking) {
  const { backends, clock, jobs } = context;
  using readers = new DisposableStack();
  for (const { volume } of members) readers.use(jobs.sources.read(volume.id));
  await using standing = new AsyncDisposableStack();
  for (const volume of stoppable) {
    const stopped = await backends.of(volume).stop?.(volume.id);
    if (stopped) standing.use(stopped);
  }
  const createdAtMs = clock.now();
  const failed = new AbortController();
  const signal = AbortSignal.any([stop, failed.signal]);
  const results = await Promise.allSettled(
    members.map(async ({ volume, snapshot }) => {
      try {
        const record = sealRecord({ kind: 'snapshot', record: snapshot });
        return await backends.of(volume).snapshot(snapshot.id, { ...volume, record }, signal);
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }),
  );
  // The first that failed made the others fail: its reason is the one to tell.
  if (failed.signal.aborted) throw failed.signal.reason;
  return { createdAtMs, copiedBy: results.map((result) => (result.status === 'fulfilled' ? result.value : undefined)) };
}
