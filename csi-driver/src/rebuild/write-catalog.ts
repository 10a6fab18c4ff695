import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncDirectory } from '@berth/kit';
import { Catalog } from '../catalog/catalog.ts';
import type { Rebuild } from './plan-rebuild.ts';

export interface NewCatalog extends Rebuild {
  /** Of the pools that have one, by their names: another directory must not be taken for one of them at the next start. */
  readonly poolIds: ReadonlyMap<string, string>;
}

/** Records written in one transaction. */
const batch = 1000;

/**
 * Writes a catalog beside the old one and puts it in its place; the old one stays, under another name. Whenever this is cut
 * off it can be begun again.
 * @returns where the old one is now; undefined where there was none.
 */
export async function writeCatalog(path: string, rebuild: NewCatalog, keepAs: string): Promise<string | undefined> {
  const half = `${path}.recovering`;
  for (const end of ['', '-wal', '-shm']) rmSync(`${half}${end}`, { force: true });
  {
    using catalog = new Catalog({ path: half, volumesFolder: '' });
    await fill(catalog, rebuild);
  }
  renameSync(half, finished(path));
  const had = existsSync(path);
  for (const end of ['-wal', '-shm', ''])
    if (existsSync(`${path}${end}`)) renameSync(`${path}${end}`, `${keepAs}${end}`);
  await syncDirectory(dirname(path));
  await finishRecovery(path);
  return had ? keepAs : undefined;
}

/** Puts the new catalog in its place, where that is all an earlier recovery had left to do. @returns whether it was. */
export async function finishRecovery(path: string): Promise<boolean> {
  if (existsSync(path) || !existsSync(finished(path))) return false;
  renameSync(finished(path), path);
  await syncDirectory(dirname(path));
  return true;
}

/** A new catalog that is whole. */
function finished(path: string): string {
  return `${path}.recovered`;
}

async function fill(catalog: Catalog, { records, groups, attachments, poolIds }: NewCatalog): Promise<void> {
  for (const [name, id] of poolIds) await catalog.notePool(name, id);
  // First, and one by one: several of one name may be in the trash, and a new volume may have it too.
  for (const { kind, record } of records)
    if (kind === 'trashed') await catalog.trashed.put(await catalog.adopt(record), record);
  const others = records.filter(({ kind }) => kind !== 'trashed');
  for (let at = 0; at < others.length; at += batch) {
    const writes = others.slice(at, at + batch).map(({ kind, record }) => {
      if (kind === 'snapshot') return catalog.snapshots.adopt(record);
      return kind === 'volume' ? catalog.adopt(record) : undefined;
    });
    await Promise.all(writes);
  }
  await Promise.all(groups.map((group) => catalog.groups.adopt(group)));
  await Promise.all(attachments.map((attachment) => catalog.attachments.add(attachment)));
}
