import { readdirSync } from 'node:fs';
import type { Logger } from '@berth/kit';
import type { Fd } from '@berth/linux';
import type { Backend } from './backend/backend.ts';
import type { Catalog } from './catalog/catalog.ts';
import { removeVolume } from './services/delete-volume.ts';

export interface Recovery {
  readonly catalog: Catalog;
  readonly backend: Backend;
  readonly volumes: Fd;
  readonly log: Logger;
}

/**
 * Ends what a crash left half-done: volumes never acknowledged are undone, deletions begun are finished.
 * Directories the catalog does not know are somebody's data: they are named in the log and left alone.
 */
export async function recover({ catalog, backend, volumes, log }: Recovery): Promise<void> {
  const known = new Map(catalog.listAfter(0).map((volume) => [volume.id, volume]));
  for (const volume of known.values()) {
    if (volume.state === 'ready') continue;
    log.info(volume.state === 'creating' ? 'undoing a half-made volume' : 'finishing a deletion', {
      volume: volume.id,
    });
    await removeVolume({ catalog, backend }, volume);
  }
  const present = new Set(readdirSync(volumes.path));
  for (const name of present) {
    if (!known.has(name)) log.warn('the pool holds a directory the catalog does not know; left as it is', { name });
  }
  for (const { id, state } of known.values()) {
    if (state === 'ready' && !present.has(id))
      log.error('the data of a volume is missing from the pool', { volume: id });
  }
}
