import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '@berth/kit';
import type { PoolOptions } from '../backend/pool-options.ts';
import { asCatalogError, CatalogError } from '../catalog/catalog-error.ts';
import { catalogOf, takePools } from '../open-pools.ts';
import { StartError } from '../start-error.ts';
import { type Line, planRebuild } from './plan-rebuild.ts';
import { salvageCatalog } from './salvage-catalog.ts';
import { scanPools } from './scan-pools.ts';
import { finishRecovery, writeCatalog } from './write-catalog.ts';

export interface RecoverOptions {
  readonly pools: readonly PoolOptions[];
  readonly dryRun: boolean;
  readonly clock: Clock;
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
 * Makes the catalog of pools anew from what each volume and snapshot says of itself, and from what can still be read of the
 * old one. The data is not touched.
 * @throws StartError – no such pool; CatalogError InUse – a driver has it; Newer – a newer driver wrote the catalog.
 */
export async function recoverCatalog({ pools, dryRun, clock }: RecoverOptions): Promise<RecoverReport> {
  const absent = pools.find(({ path }) => !existsSync(path));
  if (absent) throw new StartError('Pool', `there is no pool ${absent.path}`);
  await using stack = new AsyncDisposableStack();
  const taken = await takePools(stack, pools, clock);
  const path = catalogOf(taken[0]?.path ?? '');
  refuseInUse(path);
  if (!dryRun) await finishRecovery(path);
  const salvage = salvageCatalog(path);
  const { state, reason } = salvage;
  const rebuild = planRebuild(scanPools(taken), salvage, taken);
  const report = { catalog: path, state, reason, found: rebuild.lines, written: false };
  // An empty catalog of an empty pool is as it should be.
  if (state === 'whole' || dryRun || (rebuild.records.length === 0 && state === 'missing')) return report;
  const keepAs = `${path}.damaged-${new Date(clock.now()).toISOString().replace(/[-:]|\.\d+/g, '')}`;
  const keptAs = await writeCatalog(path, rebuild, keepAs);
  return { ...report, written: true, ...(keptAs === undefined ? {} : { keptAs }) };
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
