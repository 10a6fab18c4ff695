import { statSync } from 'node:fs';
import type { Clock, Logger, Rng } from '@berth/kit';
import type { Mounter } from '@berth/linux';
import type { Backend } from './backend/backend.ts';
import type { Placement } from './backend/backends.ts';
import { BtrfsBackend, isBtrfs } from './backend/btrfs/btrfs-backend.ts';
import { DirectoryBackend } from './backend/directory/directory-backend.ts';
import { ImageBackend } from './backend/image/image-backend.ts';
import { Pool } from './backend/pool.ts';
import type { DiskAccount } from './backend/pool-ledger.ts';
import type { PoolOptions } from './backend/pool-options.ts';
import { StartError } from './start-error.ts';

export interface PoolTools {
  readonly mounter: Mounter;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
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
