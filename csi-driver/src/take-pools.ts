import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { type Clock, makeFolders, messageOf, type Rng } from '@berth/kit';
import { lockFile, type Mounter } from '@berth/linux';
import type { AbsentPool } from './backend/backends.ts';
import { overlap, type PoolOptions } from './backend/pool-options.ts';
import { Catalog } from './catalog/catalog.ts';
import { poolInUse } from './catalog/catalog-error.ts';
import type { CatalogOptions } from './catalog/open-database.ts';
import { identifyPools, idFileOf, objectionToId, poolIdAt } from './pool-identity.ts';
import { objectionToMount } from './pool-mount.ts';
import { StartError } from './start-error.ts';

/** Folders of a pool that hold volumes and snapshots. */
const dataFolders = ['volumes', 'snapshots', 'images', 'image-snapshots', 'subvolumes', 'subvolume-snapshots'] as const;

/** A driver that is just ending still holds its pools; its successor waits this long. */
const successorWaitMs = 3000;
const lockLookMs = 50;

export interface TakenPools {
  readonly catalog: Catalog;
  /** All of them, with their real paths. */
  readonly pools: readonly PoolOptions[];
  /** By name. The first pool is never among them: it has the catalog. */
  readonly absent: ReadonlyMap<string, AbsentPool>;
}

export interface TakeTools {
  readonly mounter: Mounter;
  readonly clock: Clock;
  readonly rng: Rng;
}

/**
 * Takes the pools, each of which has one driver, and opens the catalog in the first. A pool that is new is made, and gets an
 * id; one that is not there is left as it is.
 * @throws StartError; CatalogError – among them InUse: another driver has one of them.
 */
export async function takePools(
  stack: AsyncDisposableStack,
  wanted: readonly PoolOptions[],
  { mounter, clock, rng }: TakeTools,
): Promise<TakenPools> {
  const pools = locate(wanted);
  const [first, ...others] = pools as [PoolOptions, ...PoolOptions[]];
  refuseUnmounted(first, mounter);
  const absent = new Map<string, AbsentPool>();
  const look = (objection: (pool: PoolOptions) => string | undefined) => {
    for (const pool of others) {
      const why = absent.has(pool.name) ? undefined : objection(pool);
      if (why !== undefined) absent.set(pool.name, { path: pool.path, why });
    }
  };
  look((pool) => objectionToMount(pool, mounter));
  const taken = new Set<PoolOptions>();
  const take = async (pool: PoolOptions) => {
    if (absent.has(pool.name) || taken.has(pool)) return;
    taken.add(pool);
    stack.use(await takePool(pool, clock));
  };
  // Whoever has one has its lock. The others nobody has, and whether they are what they should be only the catalog knows.
  for (const pool of others) if (existsSync(lockOf(pool.path))) await take(pool);
  refuseLostCatalog(first, others);
  await take(first);
  const catalog = stack.use(new Catalog(catalogOptions(pools)));
  refuseOtherPool(catalog, first);
  look((pool) => objectionTo(catalog, pool));
  for (const pool of others) await take(pool);
  await identifyPools(
    catalog,
    pools.filter(({ name }) => !absent.has(name)),
    rng,
  );
  return { catalog, pools, absent };
}

/**
 * Takes pools whose catalog may be lost.
 * @returns them with their real paths.
 * @throws StartError; CatalogError InUse – another driver has one of them.
 */
export async function takeForRecovery(
  stack: AsyncDisposableStack,
  wanted: readonly PoolOptions[],
  { mounter, clock }: Omit<TakeTools, 'rng'>,
): Promise<readonly PoolOptions[]> {
  const pools = locate(wanted);
  for (const pool of pools) refuseUnmounted(pool, mounter);
  for (const pool of pools) stack.use(await takePool(pool, clock));
  refuseOtherOrder(pools[0] as PoolOptions, pools.slice(1));
  return pools;
}

/** Where the one catalog of a driver is, and everything that would show that it was lost. */
function catalogOptions(pools: readonly PoolOptions[]): CatalogOptions {
  const first = pools[0]?.path ?? '';
  const folders = pools.flatMap(({ path }) => dataFolders.map((folder) => join(path, folder)));
  return { path: catalogOf(first), volumesFolder: join(first, 'volumes'), furtherFolders: folders.slice(1) };
}

export function catalogOf(path: string): string {
  return join(path, 'catalog.db');
}

/** @throws StartError Usage – one is in another, or its mount point is none of its own folders. */
function locate(pools: readonly PoolOptions[]): readonly PoolOptions[] {
  const located: PoolOptions[] = [];
  for (const pool of pools) {
    const path = realPath(resolve(pool.path));
    refuseMistyped(pool, path);
    const other = located.find((one) => overlap(one.path, path));
    if (other)
      throw new StartError('Usage', `--pool: "${pool.name}" and "${other.name}" are in one another, at ${path}`);
    if (pool.mount === undefined || pool.mount === 'required') {
      located.push({ ...pool, path });
      continue;
    }
    const mount = realPath(resolve(pool.mount));
    if (!`${path}/`.startsWith(mount === '/' ? '/' : `${mount}/`))
      throw new StartError('Usage', `--pool ${pool.name}: ${path} is not in mount=${mount}`);
    located.push({ ...pool, path, mount });
  }
  return located;
}

/** A directory may have any name, yet nobody has a new one made whose end looks like settings. */
function refuseMistyped({ named, path: given }: PoolOptions, path: string): void {
  const [, setting] = /,([a-z]+=[^/,]*)$/i.exec(given) ?? [];
  if (named || setting === undefined || existsSync(path)) return;
  const known = 'settings are backend, limit, overcommit, mount';
  throw new StartError(
    'Usage',
    `--pool ${given}: "${setting}" is no setting; ${known}. Where all of it is a directory, make that first`,
  );
}

/** Of what is not there yet too, as far as it is. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw cannotUse(path, error);
    return join(realPath(dirname(path)), basename(path));
  }
}

function objectionTo(catalog: Catalog, pool: PoolOptions): string | undefined {
  try {
    return objectionToId(catalog, pool) ?? objectionToUnknown(catalog, pool);
  } catch (error) {
    return messageOf(error);
  }
}

/** Of a catalog from before pools had ids: a pool has its trash from its first start on. */
function objectionToUnknown(catalog: Catalog, { name, path }: PoolOptions): string | undefined {
  if (catalog.poolId(name) !== undefined || existsSync(join(path, 'trash'))) return undefined;
  const isUsed = [...catalog.sums(), ...catalog.snapshots.poolSums()].some(({ pool }) => pool === name);
  return isUsed ? `there is nothing at ${path}, though volumes or snapshots are in it` : undefined;
}

/** Of the first pool, which may get another name, but not that of one that is elsewhere: the volumes there would be looked for here. */
function refuseOtherPool(catalog: Catalog, first: PoolOptions): void {
  const why = poolIdAt(first.path) === undefined ? undefined : objectionToId(catalog, first);
  if (why === undefined) return;
  throw new StartError(
    'Usage',
    `--pool: the pool "${first.name}" is another one: ${why}; give --pool with its own name`,
  );
}

function refuseUnmounted(pool: PoolOptions, mounter: Mounter): void {
  const why = objectionToMount(pool, mounter);
  if (why === undefined) return;
  throw new StartError(
    'Pool',
    `the pool "${pool.name}" is not there: ${why}. Mount its disk, and start the driver anew`,
  );
}

/** Beside pools that a catalog knows there is one. Where the first is no pool yet, the disk that has it is not mounted. */
function refuseLostCatalog(first: PoolOptions, others: readonly PoolOptions[]): void {
  refuseOtherOrder(first, others);
  const used = others.find(({ path }) => poolIdAt(path) !== undefined);
  if (!used || poolIdAt(first.path) !== undefined || existsSync(catalogOf(first.path))) return;
  throw new StartError(
    'Pool',
    `the pool "${first.name}" at ${first.path} has no catalog, though "${used.name}" at ${used.path} was used with one: ` +
      'mount its disk there, and start the driver anew. Where the catalog is lost, `csi-driver recover` with the same pools makes it anew; ' +
      `where the pools are to begin anew, remove ${idFileOf(used.path)}`,
  );
}

function refuseOtherOrder(first: PoolOptions, others: readonly PoolOptions[]): void {
  const elsewhere = others.find(({ path }) => existsSync(catalogOf(path)));
  if (!elsewhere || existsSync(catalogOf(first.path))) return;
  const flag = `${elsewhere.name}=${elsewhere.path}`;
  throw new StartError('Usage', `--pool: the catalog is in ${elsewhere.path}; give --pool ${flag} first`);
}

function lockOf(path: string): string {
  return join(path, 'lock');
}

/**
 * Makes the directory where it is missing. Nobody but root may enter it: volumes in it are open to all users. Its lock is held
 * for as long as the process lives; the catalog's own goes with its file.
 */
async function takePool({ path }: PoolOptions, clock: Clock): Promise<Disposable> {
  try {
    await makeFolders(path, 0o700);
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw cannotUse(path, error);
  }
  const end = clock.monotonicMs() + successorWaitMs;
  while (true) {
    const lock = lockFile(lockOf(path));
    if (lock) return lock;
    if (clock.monotonicMs() >= end) throw poolInUse(path);
    await clock.sleep(lockLookMs);
  }
}

function cannotUse(path: string, error: unknown): StartError {
  return new StartError('Pool', `cannot use the pool ${path}: ${messageOf(error)}`, { cause: error });
}
