import { type Fd, inspectAt, type MountInfo, openSegment, type PathFacts } from '@berth/linux';
import type { NodeSide, StageRequest, VolumeSpec, VolumeUsage } from '../backend.ts';
import type { PoolMounts } from '../pool-mounts.ts';

/** Counts what a volume's directory holds. */
export type Measure = (id: string, directory: Fd, signal: AbortSignal) => Promise<VolumeUsage>;

/** Sees to it that a volume is kept to its size before it is shown. */
export type KeepToSize = (volume: VolumeSpec, directory: Fd) => Promise<void>;

export interface DirectoryNodeOptions {
  readonly volumes: Fd;
  readonly mounts: PoolMounts;
  readonly measure: Measure;
  /** Absent where nothing has to be done for it. */
  readonly keepToSize?: KeepToSize;
}

/** Directories on this node: staging binds one, and a node has nothing else to do. */
export class DirectoryNode implements NodeSide {
  readonly #volumes: Fd;
  readonly #mounts: PoolMounts;
  readonly #measure: Measure;
  readonly #keepToSize: KeepToSize | undefined;

  constructor({ volumes, mounts, measure, keepToSize }: DirectoryNodeOptions) {
    this.#volumes = volumes;
    this.#mounts = mounts;
    this.#measure = measure;
    this.#keepToSize = keepToSize;
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
    await this.#keepToSize?.(volume, directory);
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
    return await this.#measure(id, directory, signal);
  }
}
