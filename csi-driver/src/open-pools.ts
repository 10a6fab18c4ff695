import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, type Logger, makeFolders, messageOf, type Rng } from '@berth/kit';
import { lockFile, type Mounter } from '@berth/linux';
import type { Backend } from './backend/backend.ts';
import type { Placement } from './backend/backends.ts';
import { BtrfsBackend, isBtrfs } from './backend/btrfs/btrfs-backend.ts';
import { DirectoryBackend } from './backend/directory/directory-backend.ts';
import { ImageBackend } from './backend/image/image-backend.ts';
import { Pool } from './backend/pool.ts';
import type { DiskAccount } from './backend/pool-ledger.ts';
import { overlap, type PoolOptions } from './backend/pool-options.ts';
import type { Catalog } from './catalog/catalog.ts';
import { catalogInUse } from './catalog/catalog-error.ts';
import type { CatalogOptions } from './catalog/open-database.ts';
import { StartError } from './start-error.ts';

/** Folders of a pool that hold volumes and snapshots. */
const dataFolders = ['volumes', 'snapshots', 'images', 'image-snapshots', 'subvolumes', 'subvolume-snapshots'] as const;

/** A driver that is just ending still holds its pools; its successor waits this long. */
const successorWaitMs = 3000;
const lockLookMs = 50;

export interface PoolTools {
  readonly mounter: Mounter;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

/**
 * Makes the pools' directories where they are missing, and takes them: a pool has one driver. Nobody but root may enter one:
 * volumes in it are open to all users.
 * @returns the pools with their real paths.
 * @throws StartError; CatalogError InUse – another driver has one of them.
 */
export async function takePools(
  stack: AsyncDisposableStack,
  pools: readonly PoolOptions[],
  clock: Clock,
): Promise<readonly PoolOptions[]> {
  const taken: PoolOptions[] = [];
  for (const pool of pools) {
    const path = await preparePool(pool.path);
    const other = taken.find((one) => overlap(one.path, path));
    if (other)
      throw new StartError('Usage', `--pool: "${pool.name}" and "${other.name}" are in one another, at ${path}`);
    stack.use(await lockPool(path, clock));
    taken.push({ ...pool, path });
  }
  const [first, ...others] = taken;
  const elsewhere = others.find(({ path }) => existsSync(catalogOf(path)));
  if (first && elsewhere && !existsSync(catalogOf(first.path))) {
    const flag = `${elsewhere.name}=${elsewhere.path}`;
    throw new StartError('Usage', `--pool: the catalog is in ${elsewhere.path}; give --pool ${flag} first`);
  }
  return taken;
}

/** Where the one catalog of a driver is, and everything that would show that it was lost. */
export function catalogOptions(pools: readonly PoolOptions[]): CatalogOptions {
  const first = pools[0]?.path ?? '';
  const folders = pools.flatMap(({ path }) => dataFolders.map((folder) => join(path, folder)));
  return { path: catalogOf(first), volumesFolder: join(first, 'volumes'), furtherFolders: folders.slice(1) };
}

/**
 * Pools of which there is nothing at their path, though the catalog has volumes or snapshots in them: the disk is not
 * mounted. What is in them waits for them, and nothing is put where they should be. The first pool has the catalog.
 */
export function absentPools(catalog: Catalog, pools: readonly PoolOptions[]): ReadonlyMap<string, string> {
  const used = new Set([...catalog.sums(), ...catalog.snapshots.poolSums()].map(({ pool }) => pool));
  // A pool has its trash from its first start on.
  const absent = pools.slice(1).filter(({ name, path }) => used.has(name) && !existsSync(join(path, 'trash')));
  return new Map(absent.map(({ name, path }) => [name, path]));
}

/** What can be kept in each pool; those a pool does not offer keep what they have. @throws StartError Usage – a backend it cannot have. */
export function openPools(
  stack: AsyncDisposableStack,
  pools: readonly PoolOptions[],
  tools: PoolTools,
): readonly Placement[] {
  const disks = new Map<number, DiskAccount>();
  return pools.flatMap((options) => {
    const device = statSync(options.path).dev;
    const pool = stack.use(new Pool({ ...options, ...tools, disk: disks.get(device) }));
    disks.set(device, pool.disk);
    const backends = backendsOf(stack, pool, tools);
    const names = backends.map(({ name }) => name);
    const unknown = options.backends?.find((name) => !names.includes(name));
    if (unknown !== undefined) {
      const allowed = names.join(', ');
      throw new StartError(
        'Usage',
        `--pool ${options.name}: the backend "${unknown}" cannot be had there; it can have ${allowed}`,
      );
    }
    const offers = ({ name }: Backend) => options.backends?.includes(name) ?? true;
    return backends.map((backend) => ({ backend, pool, offered: offers(backend) }));
  });
}

function backendsOf(stack: AsyncDisposableStack, pool: Pool, { mounter, clock, log }: PoolTools): readonly Backend[] {
  const directory = stack.use(new DirectoryBackend({ pool, mounter, clock, log }));
  const image = new ImageBackend({ pool, mounter, clock });
  const btrfs = isBtrfs(pool.path) ? [new BtrfsBackend({ pool, mounter })] : [];
  return [directory, image, ...btrfs];
}

export function catalogOf(path: string): string {
  return join(path, 'catalog.db');
}

/** Held for as long as the process lives; the catalog's own lock goes with its file. */
async function lockPool(path: string, clock: Clock): Promise<Disposable> {
  const end = clock.monotonicMs() + successorWaitMs;
  while (true) {
    const lock = lockFile(join(path, 'lock'));
    if (lock) return lock;
    if (clock.monotonicMs() >= end) throw catalogInUse(catalogOf(path));
    await clock.sleep(lockLookMs);
  }
}

async function preparePool(path: string): Promise<string> {
  try {
    await makeFolders(path, 0o700);
    accessSync(path, constants.W_OK | constants.X_OK);
    return realpathSync(path);
  } catch (error) {
    throw new StartError('Pool', `cannot use the pool ${path}: ${messageOf(error)}`, { cause: error });
  }
}
