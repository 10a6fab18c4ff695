import {
  createSubvolumeAt,
  enableSubvolumeQuota,
  type Fd,
  inspectAt,
  isErrno,
  limitSubvolume,
  openSegment,
  reopen,
  subvolumeUsage,
  syncFilesystemOf,
} from '@berth/linux';
import type { PoolFolder } from '../pool.ts';
import type { LimitedUsage, SizeLimits } from './size-limits.ts';

/** Inode of every subvolume's root (linux/btrfs_tree.h, BTRFS_FIRST_FREE_OBJECTID). */
const rootInode = 256n;

/** Limits by btrfs' quota groups: every limited directory is a subvolume. */
export class SubvolumeLimits implements SizeLimits {
  readonly #folder: PoolFolder;
  #quota: Promise<void> | undefined;

  /** `folder` is where the directories are, in the end. */
  constructor(folder: PoolFolder) {
    this.#folder = folder;
  }

  async makeDirectory(parent: Fd, name: string, maxBytes: number): Promise<void> {
    await this.countUsage();
    await createSubvolumeAt(parent, name);
    using subvolume = openSegment(parent, name);
    await this.set(subvolume, maxBytes);
  }

  async limit(directory: Fd, maxBytes: number): Promise<void> {
    // Of any other directory the kernel would take the subvolume around it: the whole pool.
    if (!this.isLimitable(directory)) throw new Error('a directory that is no subvolume cannot be limited');
    await this.set(directory, maxBytes);
    await this.sync();
  }

  /** The same for what is a subvolume, durable with the next sync. */
  async set(subvolume: Fd, maxBytes: number): Promise<void> {
    await this.countUsage();
    try {
      await limitSubvolume(subvolume, maxBytes);
    } catch (error) {
      if (!isErrno(error, 'ENOTCONN')) throw error;
      // Somebody switched quotas off since.
      this.#quota = undefined;
      await this.countUsage();
      await limitSubvolume(subvolume, maxBytes);
    }
  }

  isLimitable(directory: Fd): boolean {
    return inspectAt(directory).inode === rootInode;
  }

  usage(directory: Fd): LimitedUsage | undefined {
    if (!this.isLimitable(directory)) return undefined;
    try {
      return subvolumeUsage(directory);
    } catch (error) {
      // Quotas were switched off by somebody: nothing is counted.
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Subvolumes and limits are durable with the transaction that holds them. */
  async sync(): Promise<void> {
    using readable = reopen(this.#folder.fd);
    await syncFilesystemOf(readable);
  }

  /** Switched on with the first volume that needs it: the pool's filesystem may be somebody's. */
  async countUsage(): Promise<void> {
    this.#quota ??= enableSubvolumeQuota(this.#folder.fd);
    try {
      await this.#quota;
    } catch (error) {
      this.#quota = undefined;
      throw error;
    }
  }
}
