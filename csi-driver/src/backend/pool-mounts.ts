import { realpathSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Fd, inspectAt, type Mounter, type MountInfo } from '@berth/linux';

/** Knows binds of directories of a pool in the mount table, by the filesystem they are on and the path inside it. */
export class PoolMounts {
  readonly #device: string | undefined;
  readonly #prefix: string;
  readonly #trashPrefix: string;
  /** Options every bind from the pool starts with. */
  readonly baseOptions: readonly string[];

  /** `volumes` is the directory whose entries are the volumes. */
  constructor(mounter: Mounter, volumes: Fd) {
    const { mountId } = inspectAt(volumes);
    const path = realpathSync(volumes.path);
    const below = mounter.mounts().find((mount) => mount.id === mountId);
    this.#device = below?.device;
    this.baseOptions = below?.options ?? [];
    this.#prefix = `${below ? join(below.root, relative(below.mountPoint, path)) : path}/`;
    this.#trashPrefix = join(this.#prefix, '../trash/');
  }

  /** The volume whose directory, or something in it, is mounted there; also one that is in the trash already. */
  volumeOf(mount: MountInfo): string | undefined {
    if (this.#device !== undefined && mount.device !== this.#device) return undefined;
    if (mount.root.startsWith(this.#prefix)) return mount.root.slice(this.#prefix.length).split('/')[0];
    if (!mount.root.startsWith(this.#trashPrefix)) return undefined;
    return mount.root.slice(this.#trashPrefix.length).split('/')[0]?.split('.')[0];
  }
}
