import { chmodSync, statfsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { Clock, Logger, Rng } from '@berth/kit';
import { type Fd, isErrno, makeDirectoryAt, openRoot, openSegment, renameAt } from '@berth/linux';
import type { Backend, PoolCapacity, VolumeSize, VolumeUsage } from './backend.ts';
import { fsTypesOf } from './filesystem-types.ts';
import { SharedSync } from './shared-sync.ts';
import { Trash } from './trash.ts';
import { UsageCounter } from './usage-counter.ts';

export interface DirectoryBackendOptions {
  /** An existing directory of our own, below which nobody else writes. */
  readonly pool: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

/** Workloads run as any user; nobody else reaches the directory, since the pool itself is root's (mode 0700). */
const volumeMode = 0o777;

/** A directory a volume, below `POOL/volumes`. Sizes are promised, not enforced. */
export class DirectoryBackend implements Backend, AsyncDisposable {
  readonly name = 'directory';
  readonly enforcesSize = false;
  readonly fsTypes: readonly string[];
  readonly #pool: string;
  readonly #rng: Rng;
  readonly #volumes: Fd;
  readonly #trashFolder: Fd;
  readonly #trash: Trash;
  readonly #volumesSync: SharedSync;
  readonly #trashSync: SharedSync;
  readonly #usage: UsageCounter;

  constructor({ pool, clock, rng, log }: DirectoryBackendOptions) {
    this.#pool = pool;
    this.fsTypes = fsTypesOf(statfsSync(pool).type);
    this.#rng = rng;
    using root = openRoot(pool);
    for (const folder of ['volumes', 'trash']) makeDirectoryAt(root, folder, 0o700);
    this.#volumes = openSegment(root, 'volumes');
    this.#trashFolder = openSegment(root, 'trash');
    this.#volumesSync = new SharedSync(this.#volumes.path);
    this.#trashSync = new SharedSync(this.#trashFolder.path);
    this.#usage = new UsageCounter(clock);
    this.#trash = new Trash(this.#trashFolder, log);
    this.#trash.empty();
  }

  /** For those who look at the mount table: what is bound from here is a volume. */
  get volumesFolder(): Fd {
    return this.#volumes;
  }

  get trash(): Trash {
    return this.#trash;
  }

  async create(id: string): Promise<void> {
    makeDirectoryAt(this.#volumes, id, volumeMode);
    // mkdir(2) takes the umask off.
    using directory = openSegment(this.#volumes, id);
    chmodSync(directory.path, volumeMode);
    await this.#volumesSync.sync();
  }

  async delete(id: string): Promise<void> {
    try {
      renameAt(this.#volumes, id, this.#trashFolder, `${id}.${this.#rng.uuid()}`);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    await Promise.all([this.#volumesSync.sync(), this.#trashSync.sync()]);
    this.#usage.forget(id);
    this.#trash.empty();
  }

  async expand(_id: string, _size: VolumeSize): Promise<{ readonly nodeExpansionRequired: boolean }> {
    // The promise is the catalog's; there is nothing on disk that carries it.
    return { nodeExpansionRequired: false };
  }

  open(id: string): Fd {
    return openSegment(this.#volumes, id);
  }

  async usage(id: string, signal: AbortSignal): Promise<VolumeUsage> {
    using directory = this.open(id);
    const [pool, used] = await Promise.all([statfs(directory.path), this.#usage.usage(id, directory.path, signal)]);
    return {
      bytes: { total: pool.blocks * pool.bsize, available: pool.bavail * pool.bsize, used: used.bytes },
      inodes: { total: pool.files, available: pool.ffree, used: used.inodes },
    };
  }

  async capacity(): Promise<PoolCapacity> {
    const { blocks, bavail, bsize } = await statfs(this.#pool);
    return { totalBytes: blocks * bsize, availableBytes: bavail * bsize };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#usage[Symbol.dispose]();
    await this.#trash[Symbol.asyncDispose]();
    for (const open of [this.#volumesSync, this.#trashSync, this.#volumes, this.#trashFolder]) open[Symbol.dispose]();
  }
}
