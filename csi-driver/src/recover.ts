import type { Logger } from '@berth/kit';
import type { Stored } from './backend/backend.ts';
import type { Backends } from './backend/backends.ts';
import type { Catalog } from './catalog/catalog.ts';
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
    if (volume.state === 'ready') continue;
    log.info(volume.state === 'creating' ? 'undoing a half-made volume' : 'finishing a deletion', {
      volume: volume.id,
    });
    await removeVolume(recovery, volume);
  }
  for (const snapshot of catalog.snapshots.listAfter(0)) {
    if (snapshot.state === 'ready') continue;
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

async function compare({ catalog, backends, log }: Recovery): Promise<void> {
  const known = new Map<string, Stored>();
  for (const { id, backend } of catalog.listAfter(0))
    known.set(keyOf(backend, { kind: 'volume', id }), { kind: 'volume', id });
  for (const { id, backend } of catalog.snapshots.listAfter(0)) {
    known.set(keyOf(backend, { kind: 'snapshot', id }), { kind: 'snapshot', id });
  }
  for (const backend of backends.all) {
    for (const stored of backend.present()) {
      const fields = { backend: backend.name, [stored.kind]: stored.id };
      if (known.delete(keyOf(backend.name, stored))) continue;
      if (await backend.removeUnused?.(stored)) log.info('removed an empty volume that has no record', fields);
      else log.warn('the pool holds what the catalog does not know; left as it is', fields);
    }
  }
  for (const { kind, id } of known.values()) {
    const volume = kind === 'volume' ? catalog.find(id) : undefined;
    if (volume && catalog.mayLackData(volume)) {
      log.info('undoing a half-made volume', { volume: id });
      await catalog.remove(id);
    } else log.error(`the data of a ${kind} is missing from the pool`, { [kind]: id });
  }
}

function keyOf(backend: string, { kind, id }: Stored): string {
  return `${backend}/${kind}/${id}`;
}
