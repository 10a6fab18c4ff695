import { statfs } from 'node:fs/promises';
import { type Fd, inspectAt, type MountInfo, openSegment, type PathFacts } from '@berth/linux';
import type { NodeSide, StageRequest, VolumeSpec, VolumeUsage } from '../backend.ts';
import type { PoolMounts } from '../pool-mounts.ts';
import type { UsageCounter } from './usage-counter.ts';

export interface DirectoryNodeOptions {
  readonly volumes: Fd;
  readonly mounts: PoolMounts;
  readonly usage: UsageCounter;
}

/** Directories on this node: staging binds one, and a node has nothing else to do. */
export class DirectoryNode implements NodeSide {
  readonly #volumes: Fd;
  readonly #mounts: PoolMounts;
  readonly #usage: UsageCounter;

  constructor({ volumes, mounts, usage }: DirectoryNodeOptions) {
    this.#volumes = volumes;
    this.#mounts = mounts;
    this.#usage = usage;
  }

  get baseOptions(): readonly string[] {
    return this.#mounts.baseOptions;
  }

  volumeOf(mount: MountInfo): string | undefined {
    return this.#mounts.volumeOf(mount);
  }

  recognizer(id: string): (facts: PathFacts) => boolean {
    using directory = openSegment(this.#volumes, id);
    const { device, inode } = inspectAt(directory);
    return (facts) => facts.device === device && facts.inode === inode;
  }

  async stage({ volume, place, flags }: StageRequest): Promise<void> {
    using directory = openSegment(this.#volumes, volume.id);
    place.bind(directory, flags);
  }

  async unstage(_id: string, unmount: () => void): Promise<void> {
    unmount();
  }

  async expand(): Promise<void> {
    // The directory grew when the controller wrote down its new size; a node only confirms it.
  }

  async usage({ id }: VolumeSpec, _mounted: Fd, signal: AbortSignal): Promise<VolumeUsage> {
    using directory = openSegment(this.#volumes, id);
    const [pool, used] = await Promise.all([statfs(directory.path), this.#usage.usage(id, directory.path, signal)]);
    return {
      bytes: { total: pool.blocks * pool.bsize, available: pool.bavail * pool.bsize, used: used.bytes },
      inodes: { total: pool.files, available: pool.ffree, used: used.inodes },
    };
  }
}
