import { readdirSync, statfsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { Clock, Logger } from '@berth/kit';
import {
  copyTree,
  existsAt,
  type Fd,
  isErrno,
  type Mounter,
  makeDirectoryAt,
  openSegment,
  removeEmptyAt,
  reopen,
  setModeAt,
  syncFilesystemOf,
} from '@berth/linux';
import { grpcError } from '@berth/protos';
import type { Backend, CopiedBy, Offer, PoolCapacity, Stillness, Stored, VolumeSpec, VolumeUsage } from '../backend.ts';
import type { Pool, PoolFolder } from '../pool.ts';
import { PoolMounts } from '../pool-mounts.ts';
import { DirectoryNode, type KeepToSize, type Measure } from './directory-node.ts';
import { directoryOffer } from './directory-offer.ts';
import { fsTypesOf } from './filesystem-types.ts';
import { limitsOfPool, type PoolLimits } from './limits-of-pool.ts';
import { releaseProject } from './project-limits.ts';
import { keepToSize, type LimitedUsage } from './size-limits.ts';
import { UsageCounter } from './usage-counter.ts';

export interface DirectoryBackendOptions {
  readonly pool: Pool;
  readonly mounter: Mounter;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Workloads run as any user; nobody else reaches the directory, since the pool itself is root's (mode 0700). */
const volumeMode = 0o777;

const noSignal = new AbortController().signal;

/** Values of the class parameter `quota`: what to do where the pool cannot keep a directory to a size. */
const quotaChoices = ['auto', 'required', 'image'] as const;

/**
 * A directory a volume, below `POOL/volumes`; its snapshots below `POOL/snapshots`. Sizes are enforced where the pool's
 * filesystem has quotas for directories, else promised.
 */
export class DirectoryBackend implements Backend, Disposable {
  readonly name = 'directory';
  readonly enforcesSize: boolean;
  readonly nodeExpansion = false;
  readonly createsWhole = true;
  readonly offer: Offer;
  readonly node: DirectoryNode;
  readonly #pool: Pool;
  readonly #volumes: PoolFolder;
  readonly #snapshots: PoolFolder;
  readonly #usage: UsageCounter;
  readonly #quota: PoolLimits;
  readonly #log: Logger;

  constructor({ pool, mounter, clock, log }: DirectoryBackendOptions) {
    this.#pool = pool;
    this.offer = directoryOffer(fsTypesOf(statfsSync(pool.path).type), this.name, quotaChoices);
    this.#volumes = pool.folder('volumes');
    this.#snapshots = pool.folder('snapshots');
    this.#usage = new UsageCounter(clock);
    const mounts = new PoolMounts(mounter, this.#volumes.fd);
    const measure: Measure = (id, directory, signal) => this.#measure(id, directory, signal);
    this.#log = log;
    this.#quota = limitsOfPool(this.#volumes);
    this.enforcesSize = this.#quota.limits !== undefined;
    if (!this.enforcesSize)
      log.warn('sizes of directories are not enforced', { pool: pool.path, reason: this.#quota.objection });
    const keepToSize: KeepToSize = (volume, directory) => this.#keepToSize(volume, directory);
    this.node = new DirectoryNode({ volumes: this.#volumes.fd, mounts, measure, keepToSize });
  }

  async create(volume: VolumeSpec, from?: Stored, signal?: AbortSignal): Promise<CopiedBy | undefined> {
    const { id, capacityBytes, record } = volume;
    if (!this.enforcesSize) this.#log.info('the size of this volume is not enforced', { volume: id, capacityBytes });
    if (from) return await this.#fill(this.#volumes, id, { from, signal: signal ?? noSignal, capacityBytes, record });
    await this.#pool.add(this.#volumes, id, async (fresh, name) => {
      await this.#makeDirectory(fresh, name, capacityBytes);
      // mkdir(2) takes the umask off.
      setModeAt(fresh, name, volumeMode);
      this.#pool.records.put(fresh, name, record);
    });
    await this.#quota.limits?.sync();
    return undefined;
  }

  /** File after file, while others write: one that is written in place meanwhile is of several moments, unless blocks are shared. */
  async snapshot(snapshotId: string, volume: VolumeSpec, signal: AbortSignal): Promise<CopiedBy> {
    const { id, record } = volume;
    return await this.#fill(this.#snapshots, snapshotId, { from: { kind: 'volume', id }, signal, record });
  }

  /** File after file is not one moment. */
  stillness(_id: string, mounted: boolean): Stillness {
    return mounted ? 'moving' : 'idle';
  }

  async delete({ kind, id }: Stored): Promise<void> {
    await this.#pool.discard(kind === 'volume' ? this.#volumes : this.#snapshots, id);
    this.#usage.forget(id);
  }

  /** Where nothing is enforced the promise is the catalog's, and nothing on disk carries it. */
  async expand({ id, capacityBytes }: VolumeSpec): Promise<void> {
    using directory = openSegment(this.#volumes.fd, id);
    const { limits } = this.#quota;
    if (limits?.isLimitable(directory)) await limits.limit(directory, capacityBytes);
  }

  /** The limit comes down first, so that nobody writes past it between the look and the change. */
  async shrink({ id, capacityBytes }: VolumeSpec, signal: AbortSignal): Promise<number | undefined> {
    using directory = openSegment(this.#volumes.fd, id);
    const { limits } = this.#quota;
    const before = limits?.usage(directory);
    if (!limits || !before) {
      const { bytes } = await this.#usage.usage(id, directory.path, signal);
      return bytes > capacityBytes ? bytes : undefined;
    }
    await limits.limit(directory, capacityBytes);
    const usedBytes = limits.usage(directory)?.usedBytes ?? 0;
    if (usedBytes <= capacityBytes) return undefined;
    await limits.limit(directory, before.maxBytes);
    return usedBytes;
  }

  putRecord({ kind, id }: Stored, record: Uint8Array): void {
    this.#pool.records.put(kind === 'volume' ? this.#volumes.fd : this.#snapshots.fd, id, record);
  }

  capacity(): Promise<PoolCapacity> {
    return this.#pool.capacity();
  }

  usedBytes(id: string): number | undefined {
    const { limits } = this.#quota;
    if (!limits) return undefined;
    try {
      using directory = openSegment(this.#volumes.fd, id);
      return limits.usage(directory)?.usedBytes;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  async removeUnused({ kind, id }: Stored): Promise<boolean> {
    if (kind !== 'volume' || readdirSync(`${this.#volumes.fd.path}/${id}`).length > 0) return false;
    releaseProject(this.#volumes.fd, id);
    return removeEmptyAt(this.#volumes.fd, id);
  }

  present(): Stored[] {
    const volumes = this.#volumes.list().map((id): Stored => ({ kind: 'volume', id }));
    return [...volumes, ...this.#snapshots.list().map((id): Stored => ({ kind: 'snapshot', id }))];
  }

  [Symbol.dispose](): void {
    this.#usage[Symbol.dispose]();
  }

  async #measure(id: string, directory: Fd, signal: AbortSignal): Promise<VolumeUsage> {
    const limited = this.#quota.limits?.usage(directory);
    if (limited) return await this.#limitedUsage(limited);
    const [pool, used] = await Promise.all([statfs(directory.path), this.#usage.usage(id, directory.path, signal)]);
    return {
      bytes: { total: pool.blocks * pool.bsize, available: pool.bavail * pool.bsize, used: used.bytes },
      inodes: { total: pool.files, available: pool.ffree, used: used.inodes },
    };
  }

  async #limitedUsage({ usedBytes: used, maxBytes: total, inodes }: LimitedUsage): Promise<VolumeUsage> {
    const pool = await statfs(this.#volumes.fd.path);
    const available = Math.max(0, Math.min(total - used, pool.bavail * pool.bsize));
    const bytes = { total, available, used };
    if (inodes === undefined) return { bytes };
    return { bytes, inodes: { total: inodes + pool.ffree, available: pool.ffree, used: inodes } };
  }

  /** {@link keepToSize}; refuses what cannot be kept. */
  async #keepToSize({ id, parameters, capacityBytes }: VolumeSpec, directory: Fd): Promise<void> {
    const { limits, objection } = this.#quota;
    if (limits) await keepToSize(limits, directory, capacityBytes);
    if (limits || parameters['quota'] !== 'required') return;
    throw grpcError(
      'FAILED_PRECONDITION',
      `volume "${id}" has quota = "required", and its size is not enforced now: ${objection}`,
    );
  }

  /** With a limit where there can be one. */
  async #makeDirectory(parent: Fd, name: string, capacityBytes: number | undefined): Promise<void> {
    const { limits } = this.#quota;
    if (limits && capacityBytes !== undefined) await limits.makeDirectory(parent, name, capacityBytes);
    else makeDirectoryAt(parent, name, 0o700);
  }

  /** What an earlier try left is thrown away: nobody has seen it. */
  async #fill(folder: PoolFolder, id: string, { from, signal, capacityBytes, record }: Content): Promise<CopiedBy> {
    using source = this.#openStored(from);
    if (existsAt(folder.fd, id)) await this.#pool.discard(folder, id);
    await this.#makeDirectory(folder.fd, id, capacityBytes);
    using target = openSegment(folder.fd, id);
    const { method } = await copyTree(source, target, signal);
    const { usedBytes = 0, maxBytes = 0 } = this.#quota.limits?.usage(target) ?? {};
    // Root may write past a limit of ext4.
    if (usedBytes > maxBytes) {
      throw grpcError(
        'OUT_OF_RANGE',
        `the source holds ${usedBytes} bytes, more than the ${capacityBytes} of the copy`,
      );
    }
    this.#pool.records.put(folder.fd, id, record);
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
  /** Absent for a snapshot, which has no limit of its own. */
  readonly capacityBytes?: number;
  readonly record: Uint8Array | undefined;
}
