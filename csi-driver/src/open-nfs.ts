import { join } from 'node:path';
import type { Stored } from './backend/backend.ts';
import type { Placement } from './backend/backends.ts';
import { findShareMounter } from './backend/nfs/find-share-mounter.ts';
import { NfsBackend, type StoredFacts } from './backend/nfs/nfs-backend.ts';
import type { PoolOptions } from './backend/pool-options.ts';
import type { Catalog } from './catalog/catalog.ts';
import type { PoolTools } from './open-pools.ts';

export interface NfsTools extends PoolTools {
  readonly pools: readonly PoolOptions[];
  readonly catalog: Catalog;
  readonly self: readonly string[];
}

/** Volumes on NFS servers: in no pool, but what has to be known of them here is beside the catalog. */
export function openNfs(stack: AsyncDisposableStack, { pools, catalog, self, ...tools }: NfsTools): Placement {
  const folder = join(pools[0]?.path ?? '', 'nfs');
  const shares = findShareMounter({ ...tools, self, folder: join(folder, 'mounts') });
  const factsOf = (stored: Stored) => factsIn(catalog, stored);
  return { backend: stack.use(new NfsBackend({ ...tools, folder, shares, factsOf })) };
}

/** What the catalog has on something stored. */
export function factsIn(catalog: Catalog, { kind, id }: Stored): StoredFacts | undefined {
  const record = kind === 'volume' ? catalog.find(id) : catalog.snapshots.find(id);
  return record && { context: record.context ?? {}, isHalfMade: record.state === 'creating' };
}
