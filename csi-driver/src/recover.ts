import { type Clock, type LogFields, type Logger, messageOf } from '@berth/kit';
import type { Backends, Whereabouts } from './backend/backends.ts';
import type { Catalog } from './catalog/catalog.ts';
import { CatalogError } from './catalog/catalog-error.ts';
import { comparePools } from './compare-pools.ts';
import { removeSnapshot } from './services/delete-snapshot.ts';
import { removeVolume } from './services/delete-volume.ts';
import { removeGroup } from './services/remove-group.ts';

export interface Recovery {
  readonly catalog: Catalog;
  readonly backends: Backends;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * Ends what a crash left half-done: what was never acknowledged is undone, deletions begun are finished.
 * A record and its data go to the disk side by side, so either can be there without the other: a record without data is
 * taken out, and so is data that nothing was ever written to. Other data the catalog does not know is somebody's: it is
 * named in the log and left alone.
 * @returns what goes on in the background where there is much to compare.
 */
export async function recover(recovery: Recovery): Promise<AsyncDisposable> {
  const { catalog, log } = recovery;
  for (const volume of catalog.unfinished()) {
    if (isAway(recovery, volume) || isRemote(recovery, volume)) continue;
    log.info(volume.state === 'creating' ? 'undoing a half-made volume' : 'finishing a deletion', {
      volume: volume.id,
    });
    await attempt(recovery, { volume: volume.id }, () => removeVolume(recovery, volume));
  }
  for (const snapshot of catalog.snapshots.unfinished()) {
    if (isAway(recovery, snapshot) || isRemote(recovery, snapshot)) continue;
    log.info(snapshot.state === 'creating' ? 'undoing a half-made snapshot' : 'finishing a deletion', {
      snapshot: snapshot.id,
    });
    await attempt(recovery, { snapshot: snapshot.id }, () => removeSnapshot(recovery, snapshot));
  }
  for (const group of catalog.groups.unfinished()) {
    log.info(group.state === 'creating' ? 'undoing a half-made group snapshot' : 'finishing a deletion', {
      group: group.id,
    });
    await attempt(recovery, { group: group.id }, () => removeGroup(recovery, group));
  }
  return await comparePools(recovery);
}

/**
 * One that cannot be removed now, such as an image whose device a process still has, keeps no other from its driver: its
 * record says that it is half-made or half-deleted, for the repetition of the call or the next start.
 * @throws CatalogError – that is everybody's trouble.
 */
async function attempt({ log }: Recovery, what: LogFields, remove: () => Promise<void>): Promise<void> {
  try {
    await remove();
  } catch (error) {
    if (error instanceof CatalogError) throw error;
    log.warn('cannot be removed now; trying again when it is asked for, and at the next start', {
      ...what,
      reason: messageOf(error),
    });
  }
}

/** What is in a pool that this driver was not given waits for it. */
function isAway({ backends, log }: Recovery, record: Whereabouts): boolean {
  if (backends.find(record)) return false;
  const { id, backend, pool } = record;
  log.warn('half-made or half-deleted, in a pool this driver was not given', { id, backend, pool });
  return true;
}

/** What is on a server is for `recoverRemote`: no start waits for it. */
function isRemote({ backends }: Recovery, record: Whereabouts): boolean {
  return backends.find(record)?.backend.remote === true;
}
