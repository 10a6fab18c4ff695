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
 * Data the catalog does not know is somebody's: it is named in the log and left alone.
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
  compare(recovery);
}

function compare({ catalog, backends, log }: Recovery): void {
  const present = backends.all.flatMap((backend) => backend.present().map((stored) => keyOf(backend.name, stored)));
  const there = new Set(present);
  const known = new Map<string, Stored>();
  for (const { id, backend } of catalog.listAfter(0))
    known.set(keyOf(backend, { kind: 'volume', id }), { kind: 'volume', id });
  for (const { id, backend } of catalog.snapshots.listAfter(0)) {
    known.set(keyOf(backend, { kind: 'snapshot', id }), { kind: 'snapshot', id });
  }
  for (const key of there) {
    const [backend, kind, name] = key.split('/');
    if (!known.has(key))
      log.warn('the pool holds what the catalog does not know; left as it is', { backend, kind, name });
  }
  for (const [key, { kind, id }] of known) {
    if (!there.has(key)) log.error(`the data of a ${kind} is missing from the pool`, { [kind]: id });
  }
}

function keyOf(backend: string, { kind, id }: Stored): string {
  return `${backend}/${kind}/${id}`;
}
