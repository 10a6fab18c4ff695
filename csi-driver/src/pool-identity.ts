import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Rng, removeHalfWritten, writeFileDurably } from '@berth/kit';
import { isErrno } from '@berth/linux';
import type { PoolOptions } from './backend/pool-options.ts';
import type { Catalog } from './catalog/catalog.ts';

const pattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** By what a pool's directory is told from the bare one that its disk is mounted at, and from another disk's. */
export function idFileOf(path: string): string {
  return join(path, 'pool-id');
}

/** @returns undefined where the directory is no pool yet, or is not there. */
export function poolIdAt(path: string): string | undefined {
  try {
    const text = readFileSync(idFileOf(path), 'utf8').trim();
    return pattern.test(text) ? text : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** What speaks against the directory being the pool that the catalog knows by this name; undefined where nothing does. */
export function objectionToId(catalog: Catalog, { name, path }: PoolOptions): string | undefined {
  const known = catalog.poolId(name);
  if (known === undefined) return undefined;
  const found = poolIdAt(path);
  if (found === known) return undefined;
  const file = idFileOf(path);
  if (found === undefined) return `there is no ${file} that says ${known}`;
  const other = catalog.poolWithId(found);
  return `${file} says ${found}${other === undefined ? '' : `, which is the pool "${other}"`}, and not ${known}`;
}

/**
 * Gives the pools an id that have none, and has the catalog know them. The file first: a crash between the two leaves a pool
 * that the next start takes for what it is.
 */
export async function identifyPools(catalog: Catalog, pools: readonly PoolOptions[], rng: Rng): Promise<void> {
  for (const { name, path } of pools) {
    const known = catalog.poolId(name);
    const found = poolIdAt(path);
    const id = found ?? known ?? rng.uuid();
    if (found === undefined && !(await writeId(path, id))) continue;
    if (id !== known) await catalog.notePool(name, id);
  }
}

/** @returns false where the disk is full: what is on it has to be deleted by a driver, and a later start has the room. */
async function writeId(path: string, id: string): Promise<boolean> {
  try {
    await removeHalfWritten(idFileOf(path));
    await writeFileDurably(idFileOf(path), `${id}\n`);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOSPC', 'EDQUOT')) return false;
    throw error;
  }
}
