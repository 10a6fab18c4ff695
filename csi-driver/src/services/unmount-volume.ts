import { isErrno } from '@berth/linux';
import { grpcError } from '@berth/protos';
import { isBroken, type Place } from '../mounts/place.ts';
import type { Recognizer } from '../mounts/volume-mounts.ts';
import { findStaged } from './node-volume.ts';
import type { ServiceContext } from './services.ts';

/** More mounts of one volume on one path than any crash could leave. */
const maxStacked = 64;

/**
 * Takes every mount of the volume off the path, stacked ones too.
 * @throws GrpcError FAILED_PRECONDITION – something else is mounted there, or a process still uses the mount.
 */
export function unmountVolume(context: ServiceContext, place: Place, volumeId: string): void {
  const isVolume = recognizer(context, place, volumeId);
  for (let count = 0; count < maxStacked; count++) {
    const facts = place.facts();
    if (!facts?.isMountRoot) break;
    const isOwn = isBroken(facts) ? () => context.mounts.uses(volumeId).includes(place.path) : isVolume;
    if (!(isOwn ? isOwn(facts) : mayBe(context, place, volumeId))) {
      throw grpcError(
        'FAILED_PRECONDITION',
        `what is mounted at ${place.path} is not volume "${volumeId}"; left as it is`,
      );
    }
    unmount(place);
  }
  context.mounts.forget(volumeId, place.path);
}

/**
 * Of a volume that nothing is known of: it or another that nobody knows is there, never one that the catalog has. One of a server
 * that was unstaged before it was unpublished, which a CO does not do, is known by its place alone.
 */
function mayBe(context: ServiceContext, place: Place, volumeId: string): boolean {
  if (context.mounts.remembers(volumeId, place.path)) return true;
  const id = context.mounts.volumeAt(place.path);
  return id !== undefined && (id === volumeId || !findStaged(context, id));
}

/** @returns undefined for a volume that is not known, or whose data is gone. */
function recognizer(context: ServiceContext, place: Place, volumeId: string): Recognizer | undefined {
  try {
    const volume = findStaged(context, volumeId);
    if (!volume) return undefined;
    const { backend, pool } = context.backends.find(volume) ?? {};
    // Its pool may be gone: its mounts are to be taken off all the same.
    if (!backend || pool?.isThere() === false) return () => context.mounts.looksLike(place.path, volumeId);
    return backend.node.recognizer(volumeId);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function unmount(place: Place): void {
  try {
    place.unmount();
  } catch (error) {
    if (isErrno(error, 'EBUSY')) {
      throw grpcError('FAILED_PRECONDITION', `${place.path} is in use: a process has files open in it or works in it`);
    }
    // EINVAL: another unmounted it between the look and the act.
    if (!isErrno(error, 'EINVAL')) throw error;
  }
}
