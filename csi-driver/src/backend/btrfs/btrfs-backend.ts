import { chmodSync, statfsSync } from 'node:fs';
import {
  cloneSubvolumeAt,
  createSubvolumeAt,
  isErrno,
  type Mounter,
  openSegment,
  removeEmptyAt,
  reopen,
  subvolumeUsage,
  syncFilesystemOf,
} from '@berth/linux';
import type { Backend, CopiedBy, Offer, PoolCapacity, Stillness, Stored, VolumeSpec } from '../backend.ts';
import { DirectoryNode } from '../directory/directory-node.ts';
import { directoryOffer } from '../directory/directory-offer.ts';
import { fsTypesOf } from '../directory/filesystem-types.ts';
import { keepToSize } from '../directory/size-limits.ts';
import { SubvolumeLimits } from '../directory/subvolume-limits.ts';
import type { Pool, PoolFolder } from '../pool.ts';
import { PoolMounts } from '../pool-mounts.ts';

/** Whether a pool can have this backend. */
export function isBtrfs(path: string): boolean {
  return fsTypesOf(statfsSync(path).type).includes('btrfs');
}

/** Workloads run as any user; nobody else reaches the directory, since the pool itself is root's (mode 0700). */
const volumeMode = 0o777;

/** A subvolume a volume, limited by its quota group; snapshots and clones are subvolumes too, made in constant time. */
export class BtrfsBackend implements Backend {
  readonly name = 'btrfs';
  readonly enforcesSize = true;
  readonly nodeExpansion = false;
  readonly createsWhole = true;
  readonly offer: Offer = directoryOffer(['btrfs'], 'btrfs');
  readonly node: DirectoryNode;
  readonly #pool: Pool;
  readonly #volumes: PoolFolder;
  readonly #snapshots: PoolFolder;
  readonly #limits: SubvolumeLimits;

  constructor({ pool, mounter }: { readonly pool: Pool; readonly mounter: Mounter }) {
    this.#pool = pool;
    this.#volumes = pool.folder('subvolumes');
    this.#snapshots = pool.folder('subvolume-snapshots');
    const limits = new SubvolumeLimits(this.#volumes);
    this.#limits = limits;
    this.node = new DirectoryNode({
      volumes: this.#volumes.fd,
      keepToSize: ({ capacityBytes }, subvolume) => keepToSize(limits, subvolume, capacityBytes),
      mounts: new PoolMounts(mounter, this.#volumes.fd),
      measure: async (_id, directory) => {
        const { usedBytes: used, maxBytes: total } = subvolumeUsage(directory);
        return { bytes: { total, available: Math.max(0, total - used), used } };
      },
    });
  }

  async create(volume: VolumeSpec, from?: Stored): Promise<CopiedBy | undefined> {
    const { id, capacityBytes } = volume;
    await this.#limits.countUsage();
    if (!from) return await this.#createEmpty(volume);
    const copiedBy = await this.#clone(from, { kind: 'volume', id });
    using subvolume = openSegment(this.#volumes.fd, id);
    await this.#limits.set(subvolume, capacityBytes);
    this.#pool.records.put(this.#volumes.fd, id, volume.record);
    await this.#sync(this.#volumes);
    return copiedBy;
  }

  async snapshot(snapshotId: string, { id, record }: VolumeSpec): Promise<CopiedBy> {
    const copiedBy = await this.#clone({ kind: 'volume', id }, { kind: 'snapshot', id: snapshotId });
    this.#pool.records.put(this.#snapshots.fd, snapshotId, record);
    await this.#sync(this.#snapshots);
    return copiedBy;
  }

  stillness(_id: string, mounted: boolean): Stillness {
    return mounted ? 'atomic' : 'idle';
  }

  async delete(stored: Stored): Promise<void> {
    await this.#pool.discard(this.#folder(stored), stored.id);
  }

  async expand({ id, capacityBytes }: VolumeSpec): Promise<void> {
    using subvolume = openSegment(this.#volumes.fd, id);
    await this.#limits.set(subvolume, capacityBytes);
    await this.#sync(this.#volumes);
  }

  usedBytes(id: string): number | undefined {
    try {
      using subvolume = openSegment(this.#volumes.fd, id);
      return subvolumeUsage(subvolume).usedBytes;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  putRecord(stored: Stored, record: Uint8Array): void {
    this.#pool.records.put(this.#folder(stored).fd, stored.id, record);
  }

  /** The limit comes down first, so that nobody writes past it between the look and the change. */
  async shrink({ id, capacityBytes }: VolumeSpec): Promise<number | undefined> {
    using subvolume = openSegment(this.#volumes.fd, id);
    const { maxBytes } = subvolumeUsage(subvolume);
    await this.#limits.set(subvolume, capacityBytes);
    // What is still in memory counts when it is written.
    await this.#sync(this.#volumes);
    const { usedBytes } = subvolumeUsage(subvolume);
    if (usedBytes <= capacityBytes) return undefined;
    await this.#limits.set(subvolume, maxBytes);
    await this.#sync(this.#volumes);
    return usedBytes;
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

  async #createEmpty({ id, capacityBytes, record }: VolumeSpec): Promise<undefined> {
    await this.#pool.add(this.#volumes, id, async (fresh, name) => {
      await createSubvolumeAt(fresh, name);
      using subvolume = openSegment(fresh, name);
      chmodSync(`${subvolume.path}/.`, volumeMode);
      this.#pool.records.put(fresh, name, record);
      await this.#limits.set(subvolume, capacityBytes);
    });
    await this.#sync(this.#volumes);
    return undefined;
  }

  /** What an earlier try left is thrown away: nobody has seen it. What others write meanwhile is in it or not, as a whole. */
  async #clone(from: Stored, to: Stored): Promise<CopiedBy> {
    using source = openSegment(this.#folder(from).fd, from.id);
    const folder = this.#folder(to);
    await this.#pool.discard(folder, to.id);
    await cloneSubvolumeAt(source, folder.fd, to.id);
    return 'snapshot';
  }

  /** Subvolumes and limits are durable with the transaction that holds them. */
  async #sync({ fd }: PoolFolder): Promise<void> {
    using readable = reopen(fd);
    await syncFilesystemOf(readable);
  }

  #folder({ kind }: Stored): PoolFolder {
    return kind === 'volume' ? this.#volumes : this.#snapshots;
  }
}
