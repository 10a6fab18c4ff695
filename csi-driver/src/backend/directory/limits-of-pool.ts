import { statfsSync } from 'node:fs';
import { projectQuotaState } from '@berth/linux';
import type { PoolFolder } from '../pool.ts';
import { fsTypesOf } from './filesystem-types.ts';
import { ProjectLimits } from './project-limits.ts';
import type { SizeLimits } from './size-limits.ts';
import { SubvolumeLimits } from './subvolume-limits.ts';

/** What a pool's filesystem does about sizes of directories, and where it does nothing, why. */
export type PoolLimits =
  | { readonly limits: SizeLimits; readonly objection?: never }
  | { readonly limits?: undefined; readonly objection: string };

/** Asks the filesystem as it is mounted now, about the folder its volumes are in. */
export function limitsOfPool(folder: PoolFolder): PoolLimits {
  const [fsType = 'another filesystem'] = fsTypesOf(statfsSync(folder.fd.path).type);
  if (fsType === 'btrfs') return { limits: new SubvolumeLimits(folder) };
  const state = projectQuotaState(folder.fd);
  if (state === 'enforces') return { limits: new ProjectLimits(folder) };
  return { objection: `its filesystem, ${fsType}, ${remedies[fsType]?.[state] ?? 'has no project quotas'}` };
}

const remedies: Readonly<Record<string, Record<'off' | 'counts', string>>> = {
  ext4: {
    off: 'has no project quotas here (mkfs.ext4 -O project,quota or tune2fs -O project,quota; mount -o prjquota)',
    counts: 'is mounted without project quotas; mount it with the option prjquota',
  },
  xfs: {
    off: 'is mounted without project quotas, or the kernel has none; mount it with the option prjquota',
    counts: 'is mounted with pqnoenforce; mount it with the option prjquota',
  },
};
