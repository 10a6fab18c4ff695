import { messageOf } from '@berth/kit';
import { GrpcError } from '@berth/protos';
import type { Backend, VolumeSpec } from '../backend/backend.ts';
import { sealRecord } from '../catalog/own-record.ts';
import type { NewVolume, VolumeRecord } from '../catalog/volume-record.ts';
import { measure, release } from './accounts.ts';
import type { ServiceContext } from './services.ts';

/** Makes a volume that is not in the catalog yet, and has its room; where that fails, there is neither record, data nor room. */
export async function makeNew(context: ServiceContext, volume: NewVolume, signal: AbortSignal): Promise<VolumeRecord> {
  const { catalog, backends } = context;
  const placement = backends.placementOf(volume);
  const { backend } = placement;
  if (volume.source || !backend.createsWhole) return await finish(context, await begin(context, volume), signal);
  try {
    const made = await catalog.add(volume, {
      make: () => backend.create(withRecord(volume)),
      unmake: () => backend.delete({ kind: 'volume', id: volume.id }),
    });
    measure(placement, volume.id);
    return made;
  } catch (error) {
    // A record that could not be taken back keeps its room.
    if (!catalog.find(volume.id)) release(backends, volume);
    throw error;
  }
}

async function begin({ catalog, backends }: ServiceContext, volume: NewVolume): Promise<VolumeRecord> {
  try {
    return await catalog.begin(volume);
  } catch (error) {
    release(backends, volume);
    throw error;
  }
}

/** Ends what an earlier call began. */
export async function finish(
  context: ServiceContext,
  volume: VolumeRecord,
  signal: AbortSignal,
): Promise<VolumeRecord> {
  const { catalog, backends, jobs } = context;
  if (volume.state === 'ready') {
    if (catalog.isMade(volume)) return volume;
    await backends.of(volume).create(withRecord(volume));
    catalog.settle(volume);
    return volume;
  }
  // Without content it takes milliseconds, and a caller that leaves changes nothing.
  if (!volume.source) return await fill(context, volume);
  return await jobs.run(volume.id, (stop) => fill(context, volume, stop), signal);
}

/** Makes what the catalog says is to be; where that fails, takes both back. */
async function fill(context: ServiceContext, volume: VolumeRecord, signal?: AbortSignal): Promise<VolumeRecord> {
  const { backends, catalog, log, jobs, driverName } = context;
  const placement = backends.placementOf(volume);
  const { backend } = placement;
  const { id, source } = volume;
  try {
    using _reading = source && jobs.sources.read(source.id);
    const copiedBy = await backend.create(withRecord(volume), source, signal);
    measure(placement, id);
    if (copiedBy === undefined) {
      await note(backend, volume);
      return await catalog.update(volume, { state: 'ready' });
    }
    log.info('volume filled', { volume: id, from: source?.id, by: copiedBy });
    const volumeContext = { ...volume.context, [`${driverName}/copied-by`]: copiedBy };
    await note(backend, { ...volume, context: volumeContext });
    return await catalog.update(volume, { state: 'ready', context: volumeContext });
  } catch (error) {
    if (isAway(backend, error)) throw error;
    try {
      await backend.delete({ kind: 'volume', id });
      await catalog.remove(id);
      release(backends, volume);
    } catch (undoError) {
      log.warn('half-made volume stays until the next try or start', { volume: id, reason: messageOf(undoError) });
    }
    throw error;
  }
}

/** What other instances of the driver find it by, where they can have it too. */
export async function note({ notes }: Backend, volume: NewVolume): Promise<void> {
  await notes?.put({ kind: 'volume', id: volume.id }, volume.context, sealRecord({ kind: 'volume', record: volume }));
}

/** The server does not answer: taking back would wait for it once more. The next try, or a start, goes on from here. */
export function isAway({ remote }: Backend, error: unknown): boolean {
  return remote === true && error instanceof GrpcError && error.code === 'UNAVAILABLE';
}

function withRecord(volume: NewVolume): VolumeSpec {
  return { ...volume, record: sealRecord({ kind: 'volume', record: volume }) };
}
