import { realpathSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Fd, inspectAt, type Mounter, type MountInfo, type PathFacts } from '@berth/linux';
import { Place, type PlaceTools } from './place.ts';

/** What stands at a path: nothing, a name without a mount, this volume, or a mount of something else. */
export type Standing = 'absent' | 'unmounted' | 'volume' | 'other';

/**
 * Where volumes are mounted on this node. The kernel is asked each time; what is kept is only where to look,
 * so that a publish costs the same with ten mounts as with ten thousand.
 */
export class VolumeMounts {
  readonly #tools: PlaceTools;
  readonly #mounter: Mounter;
  readonly #prefix: string;
  readonly #poolPrefix: string;
  readonly #device: string | undefined;
  readonly #places = new Map<string, Set<string>>();
  /** Options every bind from the pool starts with. */
  readonly baseOptions: readonly string[];

  /** `volumes` is the directory whose entries are the volumes. */
  constructor(tools: PlaceTools, volumes: Fd) {
    this.#tools = tools;
    this.#mounter = tools.mounter;
    const table = tools.mounter.mounts();
    const { mountId } = inspectAt(volumes);
    const path = realpathSync(volumes.path);
    const below = table.find((mount) => mount.id === mountId);
    this.#device = below?.device;
    this.baseOptions = below?.options ?? [];
    this.#prefix = `${below ? join(below.root, relative(below.mountPoint, path)) : path}/`;
    this.#poolPrefix = join(this.#prefix, '../');
    for (const mount of table) {
      const id = this.#volumeOf(mount);
      if (id !== undefined) this.remember(id, mount.mountPoint);
    }
  }

  standing(place: Place, volume: PathFacts): Standing {
    const facts = place.facts();
    if (!facts) return 'absent';
    if (!facts.isMountRoot) return 'unmounted';
    return facts.device === volume.device && facts.inode === volume.inode ? 'volume' : 'other';
  }

  remember(id: string, path: string): void {
    const places = this.#places.get(id);
    if (places) places.add(path);
    else this.#places.set(id, new Set([path]));
  }

  forget(id: string, path: string): void {
    const places = this.#places.get(id);
    places?.delete(path);
    if (places?.size === 0) this.#places.delete(id);
  }

  /** Paths other than `except` where the volume is mounted by this driver, each checked with the kernel. */
  others(id: string, volume: PathFacts, except: readonly string[]): string[] {
    const candidates = [...(this.#places.get(id) ?? [])].filter((path) => !except.includes(path));
    return candidates.filter((path) => {
      using place = Place.find(path, this.#tools);
      const stands = place !== undefined && this.standing(place, volume) === 'volume';
      if (!stands) this.forget(id, path);
      return stands;
    });
  }

  /** Every mount of the volume or of something in it, by whomever, from the whole mount table. */
  uses(id: string): string[] {
    const mounts = this.#mounter.mounts().filter((mount) => this.#volumeOf(mount) === id);
    return [...new Set(mounts.map((mount) => mount.mountPoint))];
  }

  /** Options of what is mounted at the path. */
  optionsAt(path: string): readonly string[] {
    return this.#mounter.mounts().findLast((mount) => mount.mountPoint === path)?.options ?? [];
  }

  /** Whether what is mounted at the path comes from this pool, also from its trash. */
  isOurs(path: string): boolean {
    const mount = this.#mounter.mounts().findLast((entry) => entry.mountPoint === path);
    return mount !== undefined && this.#sameDevice(mount) && mount.root.startsWith(this.#poolPrefix);
  }

  #volumeOf(mount: MountInfo): string | undefined {
    if (!mount.root.startsWith(this.#prefix) || !this.#sameDevice(mount)) return undefined;
    return mount.root.slice(this.#prefix.length).split('/')[0];
  }

  #sameDevice(mount: MountInfo): boolean {
    return this.#device === undefined || mount.device === this.#device;
  }
}
