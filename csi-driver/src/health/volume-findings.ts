import { lstatSync } from 'node:fs';
import type { MountInfo } from '@berth/linux';
import type { HealthFinding } from '../backend/backend.ts';
import { brokenMountErrors } from '../mounts/place.ts';
import { filesystemTroubles } from './filesystem-trouble.ts';

const brokenMount = new Set<string>(brokenMountErrors);

const dataMissing: HealthFinding = {
  status: 'DATA_LOSS',
  reason: 'DataMissing',
  message: 'the data of the volume is missing from its pool; restore it from a snapshot or a backup',
};

/** What an error says of the data of a volume. Rethrows what says nothing of it. */
export function findingOf(error: unknown): HealthFinding {
  const code = String((error as { code?: unknown }).code);
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return dataMissing;
  if (!brokenMount.has(code)) throw error;
  return {
    status: 'INACCESSIBLE',
    reason: 'PoolUnreadable',
    message: `the data of the volume cannot be read: ${code}`,
  };
}

/** What is wrong with a filesystem that is a volume's own, as its mount shows it. */
export function mountFindings(mount: MountInfo): HealthFinding[] {
  const found: HealthFinding[] = filesystemTroubles(mount).map(({ kind, message }) => {
    if (kind === 'damaged') return { status: 'DATA_LOSS', reason: 'ChecksumErrors', message };
    return { status: 'DEGRADED', reason: kind === 'failing' ? 'FilesystemErrors' : 'FilesystemReadOnly', message };
  });
  return [...found, ...brokenMountFinding(mount.mountPoint)];
}

/** A mount that cannot be looked at any more. */
export function brokenMountFinding(path: string): HealthFinding[] {
  try {
    // Through the mount: what is below it is asked, not the path to it.
    lstatSync(`${path}/.`);
    return [];
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    if (!brokenMount.has(code)) return [];
    return [{ status: 'INACCESSIBLE', reason: 'MountBroken', message: `the mount at ${path} answers ${code}` }];
  }
}
