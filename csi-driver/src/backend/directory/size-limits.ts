import type { Fd } from '@berth/linux';

/** What a limited directory holds. */
export interface LimitedUsage {
  readonly usedBytes: number;
  /** 0 where its limit was lost. */
  readonly maxBytes: number;
  /** Absent where the filesystem counts none for it. */
  readonly inodes?: number;
}

/** How the filesystem of a pool keeps what is below a directory to a size. */
export interface SizeLimits {
  /** Makes an empty directory that is kept to a size. @throws KernelError EEXIST */
  makeDirectory(parent: Fd, name: string, maxBytes: number): Promise<void>;
  /** Changes the size of one that was made so; durable when it resolves. */
  limit(directory: Fd, maxBytes: number): Promise<void>;
  /** Whether the directory was made so. One from before the pool had quotas was not. */
  isLimitable(directory: Fd): boolean;
  /** In constant time; undefined for a directory that was not made so, and while nothing is counted. */
  usage(directory: Fd): LimitedUsage | undefined;
  /** Resolves when what was made before is on disk with its limit; the names in `folder` are. */
  sync(): Promise<void>;
}

/** Sets right what a crash in the middle of a change left, or whoever switched quotas off, where the directory can be limited. */
export async function keepToSize(limits: SizeLimits, directory: Fd, maxBytes: number): Promise<void> {
  if (limits.isLimitable(directory) && limits.usage(directory)?.maxBytes !== maxBytes)
    await limits.limit(directory, maxBytes);
}
