import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, deadline, rfc3339 } from '@berth/kit';
import { mustRun, treeUsage } from '@berth/linux';

/** How full something is (stats/v1alpha1 FsStats). */
export interface FilesystemStats {
  readonly time: string;
  readonly availableBytes: number;
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly inodesFree: number;
  readonly inodes: number;
  readonly inodesUsed: number;
}

/** What of a filesystem something takes. */
export type Taken = Pick<FilesystemStats, 'usedBytes' | 'inodesUsed'>;

/** Whoever hangs keeps nobody waiting for the others' answers. */
export const answerMs = 5_000;

/** Of the filesystem a path is on (fs.Info). */
export async function filesystemStats(path: string, clock: Clock): Promise<FilesystemStats> {
  const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(path);
  return statsOf(clock, [bsize, blocks, bfree, bavail, files, ffree]);
}

/** The same of one whose server may be gone: only a child hangs for it. */
export async function remoteFilesystemStats(path: string, clock: Clock, signal: AbortSignal): Promise<FilesystemStats> {
  using end = deadline(clock, answerMs, signal);
  const args = ['--file-system', '--format=%S %b %f %a %c %d', '--', path];
  const stdout = await mustRun('stat', args, { signal: end.signal });
  return statsOf(clock, stdout.trim().split(' ').map(Number));
}

function statsOf(clock: Clock, numbers: readonly number[]): FilesystemStats {
  const [size = 0, blocks = 0, free = 0, available = 0, inodes = 0, inodesFree = 0] = numbers;
  return {
    time: rfc3339(clock.now()),
    availableBytes: available * size,
    capacityBytes: blocks * size,
    usedBytes: (blocks - free) * size,
    inodesFree,
    inodes,
    inodesUsed: inodes - inodesFree,
  };
}

/** A directory's share of its filesystem, for which all below it is looked at (MetricsDu). */
export async function directoryStats(path: string, clock: Clock, signal: AbortSignal): Promise<FilesystemStats> {
  const [whole, { bytes, inodes }] = await Promise.all([filesystemStats(path, clock), treeUsage(path, signal)]);
  return { ...whole, usedBytes: bytes, inodesUsed: inodes };
}

/** What the files of a directory take, without those of directories in it; undefined where there is none. */
export async function filesTaken(directory: string): Promise<Taken | undefined> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => undefined);
  if (!entries) return undefined;
  const files = entries.filter((entry) => !entry.isDirectory());
  return added(await Promise.all(files.map(({ name }) => fileTaken(join(directory, name)))));
}

export async function fileTaken(path: string): Promise<Taken | undefined> {
  const found = await lstat(path).catch(() => undefined);
  return found && { usedBytes: found.blocks * 512, inodesUsed: 1 };
}

export function added(parts: readonly (Taken | undefined)[]): Taken {
  return parts.reduce<Taken>(
    (sum, part) => ({
      usedBytes: sum.usedBytes + (part?.usedBytes ?? 0),
      inodesUsed: sum.inodesUsed + (part?.inodesUsed ?? 0),
    }),
    { usedBytes: 0, inodesUsed: 0 },
  );
}
