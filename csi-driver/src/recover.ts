import type { Logger } from '@berth/kit';
import type { Stored } from './backend/backend.ts';
import type { Backends, Placement, Whereabouts } from './backend/backends.ts';
import type { Catalog } from './catalog/catalog.ts';
import { release } from './services/accounts.ts';
import { removeSnapshot } from './services/delete-snapshot.ts';
import { removeVolume } from './services/delete-volume.ts';
import { removeGroup } from './services/remove-group.ts';

export interface Recovery {
  readonly catalog: Catalog;
  readonly backends: Backends;
  readonly log: Logger;
}

/**
 * Ends what a crash left half-done: what was never acknowledged is undone, deletions begun are finished.
 * A record and its data go to the disk side by side, so either can be there without the other: a record without data is
 * taken out, and so is data that nothing was ever written to. Other data the catalog does not know is somebody's: it is
 * named in the log and left alone.
 */
export async function recover(recovery: Recovery): Promise<void> {
  const { catalog, log } = recovery;
  for (const volume of catalog.listAfter(0)) {
    if (volume.state === 'ready' || isAway(recovery, volume) || isRemote(recovery, volume)) continue;
    log.info(volume.state === 'creating' ? 'undoing a half-made volume' : 'finishing a deletion', {
      volume: volume.id,
    });
    await removeVolume(recovery, volume);
  }
  for (const snapshot of catalog.snapshots.listAfter(0)) {
    if (snapshot.state === 'ready' || isAway(recovery, snapshot) || isRemote(recovery, snapshot)) continue;
    log.info(snapshot.state === 'creating' ? 'undoing a half-made snapshot' : 'finishing a deletion', {
      snapshot: snapshot.id,
    });
    await removeSnapshot(recovery, snapshot);
  }
  for (const group of catalog.groups.list()) {
    if (group.state === 'ready') continue;
    log.info(group.state === 'creating' ? 'undoing a half-made group snapshot' : 'finishing a deletion', {
      group: group.id,
    });
    await removeGroup(recovery, group);
  }
  await compare(recovery);
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

async function compare({ catalog, backends, log }: Recovery): Promise<void> {
  const known = new Map<string, Stored>();
  const remember = (record: Whereabouts, kind: Stored['kind']) => {
    const placement = backends.find(record);
    if (placement && !placement.backend.remote)
      known.set(keyOf(placement, { kind, id: record.id }), { kind, id: record.id });
  };
  for (const volume of catalog.listAfter(0)) remember(volume, 'volume');
  for (const trashed of catalog.trashed.listAfter(0)) remember(trashed, 'volume');
  for (const snapshot of catalog.snapshots.listAfter(0)) remember(snapshot, 'snapshot');
  for (const placement of backends.placements) {
    const { backend, pool } = placement;
    for (const stored of backend.present()) {
      const fields = { backend: backend.name, pool: pool?.name, [stored.kind]: stored.id };
      if (known.delete(keyOf(placement, stored))) continue;
      if (await backend.removeUnused?.(stored)) log.info('removed an empty volume that has no record', fields);
      else log.warn('the pool holds what the catalog does not know; left as it is', fields);
    }
  }
  for (const { kind, id } of known.values()) {
    const volume = kind === 'volume' ? catalog.find(id) : undefined;
    if (volume && catalog.mayLackData(volume)) {
      log.info('undoing a half-made volume', { volume: id });
      await catalog.remove(id);
      release(backends, volume);
    } else log.error(`the data of a ${kind} is missing from the pool`, { [kind]: id });
  }
}

function keyOf({ backend, pool }: Placement, { kind, id }: Stored): string {
  return `${pool?.name}/${backend.name}/${kind}/${id}`;
}
