import { realpathSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Fd, inspectAt, type Mounter, type MountInfo } from '@berth/linux';

/** Knows binds of directories of a pool in the mount table, by the filesystem they are on and the path inside it. */
export class PoolMounts {
  readonly #device: string | undefined;
  readonly #prefix: string;
  readonly #trashPrefix: string;
  readonly #mounter: Mounter;
  readonly #volumes: Fd;
  #below: MountInfo | undefined;

  /** `volumes` is the directory whose entries are the volumes. */
  constructor(mounter: Mounter, volumes: Fd) {
    this.#mounter = mounter;
    this.#volumes = volumes;
    const path = realpathSync(volumes.path);
    const below = this.#mountBelow();
    this.#device = below?.device;
    this.#prefix = `${below ? join(below.root, relative(below.mountPoint, path)) : path}/`;
    this.#trashPrefix = join(this.#prefix, '../trash/');
  }

  /** Options every bind from the pool starts with: its disk may have been mounted anew, with others. */
  get baseOptions(): readonly string[] {
    return this.#mountBelow()?.options ?? [];
  }

  /** The volume whose directory, or something in it, is mounted there; also one that is in the trash already. */
  volumeOf(mount: MountInfo): string | undefined {
    if (this.#device !== undefined && mount.device !== this.#device) return undefined;
    if (mount.root.startsWith(this.#prefix)) return mount.root.slice(this.#prefix.length).split('/')[0];
    if (!mount.root.startsWith(this.#trashPrefix)) return undefined;
    return mount.root.slice(this.#trashPrefix.length).split('/')[0]?.split('.')[0];
  }

  #mountBelow(): MountInfo | undefined {
    const { mountId } = inspectAt(this.#volumes);
    if (this.#below?.id !== mountId) this.#below = this.#mounter.mounts().find(({ id }) => id === mountId);
    return this.#below;
  }
}
