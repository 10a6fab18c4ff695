import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Clock, type Rng, silentLogger } from '@berth/kit';
import { linuxMounter } from '@berth/linux';
import { connectNfs } from '@berth/nfs-client';
import { sharesIn } from '../backend/nfs/known-shares.ts';
import { type NfsAccess, nfsAccessOf, nfsVolumeOf } from '../backend/nfs/nfs-parameters.ts';
import { NfsServers } from '../backend/nfs/nfs-servers.ts';
import { stagedContexts } from '../backend/nfs/staged-volumes.ts';
import type { PoolOptions } from '../backend/pool-options.ts';
import { asCatalogError, CatalogError } from '../catalog/catalog-error.ts';
import { poolIdAt } from '../pool-identity.ts';
import { StartError } from '../start-error.ts';
import { catalogOf, takeForRecovery } from '../take-pools.ts';
import { type Line, planRebuild } from './plan-rebuild.ts';
import { type Salvage, salvageCatalog } from './salvage-catalog.ts';
import { type Found, scanPools } from './scan-pools.ts';
import { scanShares } from './scan-shares.ts';
import { finishRecovery, writeCatalog } from './write-catalog.ts';

export interface RecoverOptions {
  readonly pools: readonly PoolOptions[];
  /** Shares of servers to look through too, besides those the pool remembers. */
  readonly nfs: readonly NfsAccess[];
  readonly dryRun: boolean;
  readonly clock: Clock;
  readonly rng: Rng;
}

/** What a recovery found and did. */
export interface RecoverReport {
  readonly catalog: string;
  /** What the old catalog was. Of a `whole` one nothing is changed. */
  readonly state: 'whole' | 'damaged' | 'missing';
  readonly reason: string;
  /** Where the old catalog is now; absent where there was none, or nothing was written. */
  readonly keptAs?: string;
  readonly written: boolean;
  readonly found: readonly Line[];
}

/**
 * Makes the catalog of pools, and of shares of servers, anew from what each volume and snapshot says of itself, and from what can still be read of the
 * old one. The data is not touched.
 * @throws StartError – no such pool; CatalogError InUse – a driver has it; Newer – a newer driver wrote the catalog.
 */
export async function recoverCatalog(options: RecoverOptions): Promise<RecoverReport> {
  const { pools, dryRun, clock } = options;
  const absent = pools.find(({ path }) => !existsSync(path));
  if (absent) throw new StartError('Pool', `there is no pool ${absent.path}`);
  await using stack = new AsyncDisposableStack();
  const taken = await takeForRecovery(stack, pools, { mounter: linuxMounter, clock });
  const path = catalogOf(taken[0]?.path ?? '');
  refuseInUse(path);
  if (!dryRun) await finishRecovery(path);
  const salvage = salvageCatalog(path);
  const { state, reason } = salvage;
  const onServers = state === 'whole' ? [] : await lookOnServers(options, salvage);
  const rebuild = planRebuild([...scanPools(taken), ...onServers], salvage, taken);
  const report = { catalog: path, state, reason, found: rebuild.lines, written: false };
  // An empty catalog of an empty pool is as it should be; one that other pools were used with is not there.
  const isNew = state === 'missing' && !taken.slice(1).some((pool) => poolIdAt(pool.path) !== undefined);
  if (state === 'whole' || dryRun || (rebuild.records.length === 0 && isNew)) return report;
  const keepAs = `${path}.damaged-${new Date(clock.now()).toISOString().replace(/[-:]|\.\d+/g, '')}`;
  const keptAs = await writeCatalog(path, { ...rebuild, poolIds: idsOf(taken) }, keepAs);
  return { ...report, written: true, ...(keptAs === undefined ? {} : { keptAs }) };
}

function idsOf(pools: readonly PoolOptions[]): ReadonlyMap<string, string> {
  const ids = pools.map(({ name, path }) => [name, poolIdAt(path)] as const);
  return new Map(ids.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
}

/** Shares by whatever is known of them: flags, what the first pool remembers, and records that can still be read. */
async function lookOnServers({ pools, nfs, clock, rng }: RecoverOptions, { records }: Salvage): Promise<Found[]> {
  const folder = join(pools[0]?.path ?? '', 'nfs');
  const contexts = [...stagedContexts(join(folder, 'staged')), ...records.map(({ record }) => record.context ?? {})];
  const known = [...nfs, ...sharesIn(join(folder, 'shares')), ...contexts.flatMap((context) => accessOf(context))];
  const shares = new Map<string, NfsAccess>();
  for (const access of known) {
    const key = JSON.stringify([access.server, access.share]);
    if (!shares.has(key)) shares.set(key, access);
  }
  await using servers = new NfsServers({ clock, rng, log: silentLogger, connect: connectNfs });
  return await scanShares(servers, [...shares.values()]);
}

function accessOf(context: Readonly<Record<string, string>>): NfsAccess[] {
  try {
    return [nfsAccessOf(nfsVolumeOf(context))];
  } catch {
    return [];
  }
}

/** A driver from before pools had locks holds the catalog's own. */
function refuseInUse(path: string): void {
  if (!existsSync(path)) return;
  try {
    using database = new DatabaseSync(path, { readOnly: true, timeout: 0 });
    database.prepare('SELECT count(*) FROM sqlite_master').get();
  } catch (error) {
    const known = asCatalogError(error, path);
    if (known instanceof CatalogError && known.code === 'InUse') throw known;
  }
}
