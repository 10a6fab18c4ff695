import { chmodSync, statfsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { Clock } from '@berth/kit';
import {
  copyTree,
  type Fd,
  type Mounter,
  makeDirectoryAt,
  openSegment,
  removeEmptyAt,
  reopen,
  syncFilesystemOf,
} from '@berth/linux';
import type { Backend, CopiedBy, Offer, PoolCapacity, Stillness, Stored, VolumeSpec, VolumeUsage } from '../backend.ts';
import type { Pool, PoolFolder } from '../pool.ts';
import { PoolMounts } from '../pool-mounts.ts';
import { DirectoryNode, type Measure } from './directory-node.ts';
import { directoryOffer } from './directory-offer.ts';
import { fsTypesOf } from './filesystem-types.ts';
import { UsageCounter } from './usage-counter.ts';

export interface DirectoryBackendOptions {
  readonly pool: Pool;
  readonly mounter: Mounter;
  readonly clock: Clock;
}

/** Workloads run as any user; nobody else reaches the directory, since the pool itself is root's (mode 0700). */
const volumeMode = 0o777;

const noSignal = new AbortController().signal;

/** A directory a volume, below `POOL/volumes`; its snapshots below `POOL/snapshots`. Sizes are promised, not enforced. */
export class DirectoryBackend implements Backend, Disposable {
  readonly name = 'directory';
  readonly enforcesSize = false;
  readonly nodeExpansion = false;
  readonly createsWhole = true;
  readonly offer: Offer;
  readonly node: DirectoryNode;
  readonly #pool: Pool;
  readonly #volumes: PoolFolder;
  readonly #snapshots: PoolFolder;
  readonly #usage: UsageCounter;

  constructor({ pool, mounter, clock }: DirectoryBackendOptions) {
    this.#pool = pool;
    this.offer = directoryOffer(fsTypesOf(statfsSync(pool.path).type));
    this.#volumes = pool.folder('volumes');
    this.#snapshots = pool.folder('snapshots');
    this.#usage = new UsageCounter(clock);
    const mounts = new PoolMounts(mounter, this.#volumes.fd);
    const measure: Measure = (id, directory, signal) => this.#measure(id, directory, signal);
    this.node = new DirectoryNode({ volumes: this.#volumes.fd, mounts, measure });
  }

  async create({ id }: VolumeSpec, from?: Stored, signal?: AbortSignal): Promise<CopiedBy | undefined> {
    if (from) return await this.#fill(this.#volumes, id, { from, signal: signal ?? noSignal });
    await this.#pool.add(this.#volumes, id, (fresh, name) => {
      makeDirectoryAt(fresh, name, volumeMode);
      // mkdir(2) takes the umask off.
      using directory = openSegment(fresh, name);
      chmodSync(directory.path, volumeMode);
    });
    return undefined;
  }

  /** File after file, while others write: each file is as it was at some moment of the call. */
  async snapshot(snapshotId: string, volume: VolumeSpec, signal: AbortSignal): Promise<CopiedBy> {
    return await this.#fill(this.#snapshots, snapshotId, { from: { kind: 'volume', id: volume.id }, signal });
  }

  /** File after file is not one moment. */
  stillness(_id: string, mounted: boolean): Stillness {
    return mounted ? 'moving' : 'idle';
  }

  async delete({ kind, id }: Stored): Promise<void> {
    await this.#pool.discard(kind === 'volume' ? this.#volumes : this.#snapshots, id);
    this.#usage.forget(id);
  }

  async expand(): Promise<void> {
    // The promise is the catalog's; there is nothing on disk that carries it.
  }

  capacity(): Promise<PoolCapacity> {
    return this.#pool.capacity();
  }

  async removeUnused({ kind, id }: Stored): Promise<boolean> {
    return kind === 'volume' && removeEmptyAt(this.#volumes.fd, id);
  }

  present(): Stored[] {
    const volumes = this.#volumes.list().map((id): Stored => ({ kind: 'volume', id }));
    return [...volumes, ...this.#snapshots.list().map((id): Stored => ({ kind: 'snapshot', id }))];
  }

  [Symbol.dispose](): void {
    this.#usage[Symbol.dispose]();
  }

  async #measure(id: string, directory: Fd, signal: AbortSignal): Promise<VolumeUsage> {
    const [pool, used] = await Promise.all([statfs(directory.path), this.#usage.usage(id, directory.path, signal)]);
    return {
      bytes: { total: pool.blocks * pool.bsize, available: pool.bavail * pool.bsize, used: used.bytes },
      inodes: { total: pool.files, available: pool.ffree, used: used.inodes },
    };
  }

  /** What an earlier try left is thrown away: nobody has seen it. */
  async #fill(folder: PoolFolder, id: string, { from, signal }: Content): Promise<CopiedBy> {
    using source = this.#openStored(from);
    if (!makeDirectoryAt(folder.fd, id, 0o700)) {
      await this.#pool.discard(folder, id);
      makeDirectoryAt(folder.fd, id, 0o700);
    }
    using target = openSegment(folder.fd, id);
    const { method } = await copyTree(source, target, signal);
    using readable = reopen(target);
    await syncFilesystemOf(readable);
    await folder.sync();
    return method;
  }

  #openStored({ kind, id }: Stored): Fd {
    return openSegment(kind === 'volume' ? this.#volumes.fd : this.#snapshots.fd, id);
  }
}

interface Content {
  readonly from: Stored;
  readonly signal: AbortSignal;
}
