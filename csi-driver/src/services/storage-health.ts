import { lstatSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { MountInfo } from '@berth/linux';
import type { csi } from '@berth/protos';
import type { HealthFinding } from '../backend/backend.ts';
import type { Pool } from '../backend/pool.ts';
import { filesystemTroubles, isReadOnly } from '../health/filesystem-trouble.ts';
import type { Method } from '../pipeline/pipeline.ts';
import type { ServiceContext } from './services.ts';

/** Less than this part free, of bytes or of inodes, and new data soon meets a full disk. */
const nearlyFull = 0.05;

interface Condition {
  readonly status: csi.StorageHealthErrorType;
  readonly reason: string;
  readonly message: string;
}

/** NodeGetStorageHealth: what is wrong with the pools of this node. */
export function getStorageHealth(
  context: ServiceContext,
): Method<csi.NodeGetStorageHealthRequest, csi.NodeGetStorageHealthResponse> {
  return {
    run: async () => {
      const mounts = context.places.mounter.mounts();
      const found = context.backends.pools.flatMap((pool) => conditionsOf(pool, mountOf(context, pool, mounts)));
      const absent = [...context.backends.absent].map(([name, { path, why }]) =>
        unreachable(`pool "${name}" at ${path} was not there when the driver started: ${why}`),
      );
      return {
        backendHealth: combined([...found, ...absent]).map((condition) => ({ ...condition, volumeCapability: null })),
      };
    },
  };
}

/** What is wrong with the pool as far as it is wrong with each volume in it; that it fills up is not. */
export function poolFindings(context: ServiceContext, pool: Pool): HealthFinding[] {
  const conditions = conditionsOf(pool, mountOf(context, pool, context.places.mounter.mounts()));
  return conditions.flatMap(({ status, reason, message }): HealthFinding[] => {
    if (status === 'STORAGE_UNREACHABLE') return [{ status: 'INACCESSIBLE', reason, message }];
    return reason.includes('Nearly') ? [] : [{ status: 'DEGRADED', reason, message }];
  });
}

function mountOf({ places }: ServiceContext, { path }: Pool, mounts: readonly MountInfo[]): MountInfo | undefined {
  try {
    const { mountId } = places.inspect(path);
    return mounts.find(({ id }) => id === mountId);
  } catch {
    return undefined;
  }
}

function conditionsOf(pool: Pool, mount: MountInfo | undefined): Condition[] {
  const { name, path } = pool;
  const what = `pool "${name}" at ${path}`;
  const degraded = (reason: string, message: string): Condition => ({ status: 'STORAGE_DEGRADED', reason, message });
  try {
    lstatSync(join(path, 'trash'));
    if (!pool.isThere()) return [unreachable(`${what} is not what it was: its disk was unmounted`)];
    const { blocks, bavail, files, ffree } = statfsSync(path);
    const found: Condition[] = [];
    const free = (part: number, of: number) => `${((100 * part) / of).toFixed(1)} % of its`;
    if (bavail < blocks * nearlyFull) {
      found.push(degraded('PoolNearlyFull', `${what} has ${free(bavail, blocks)} space free`));
    }
    // Some filesystems make inodes as they need them, and tell none.
    if (files > 0 && ffree < files * nearlyFull) {
      found.push(degraded('PoolInodesNearlyUsed', `${what} has ${free(ffree, files)} inodes free`));
    }
    if (!mount) return found;
    const troubles = filesystemTroubles(mount);
    for (const { kind, message } of troubles) {
      found.push(degraded(kind === 'read-only' ? 'PoolReadOnly' : 'PoolFilesystemErrors', `${what}: ${message}`));
    }
    // A mount may be read-only on a filesystem that is not.
    const isRefused = isReadOnly(mount) || mount.options.includes('ro');
    if (isRefused && !troubles.some(({ kind }) => kind === 'read-only')) {
      found.push(degraded('PoolReadOnly', `${what} is on a filesystem mounted read-only`));
    }
    return found;
  } catch (error) {
    const code = String((error as { code?: unknown }).code ?? error);
    return [unreachable(`${what} cannot be read: ${code}`)];
  }
}

function unreachable(message: string): Condition {
  return { status: 'STORAGE_UNREACHABLE', reason: 'PoolUnavailable', message };
}

/** One entry for each status and reason (CSI spec, StorageBackendHealth), whichever pools have it. */
function combined(conditions: readonly Condition[]): Condition[] {
  const groups = Map.groupBy(conditions, ({ status, reason }) => `${status} ${reason}`);
  return [...groups.values()].map((group) => ({
    ...(group[0] as Condition),
    message: group.map(({ message }) => message).join('; '),
  }));
}
