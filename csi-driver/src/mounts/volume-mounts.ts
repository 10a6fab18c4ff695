import { backingFileOf, type MountInfo, type PathFacts } from '@berth/linux';
import { brokenMountAt, isBroken, Place, type PlaceTools } from './place.ts';

/** What stands at a path: nothing, a name without a mount, this volume, or a mount of something else. */
export type Standing = 'absent' | 'unmounted' | 'volume' | 'other';

/** Whether what statx says of a mount is said of one certain volume. */
export type Recognizer = (facts: PathFacts) => boolean;

/**
 * Where volumes are mounted on this node. The kernel is asked each time; what is kept is only where to look,
 * so that a publish costs the same with ten mounts as with ten thousand.
 */
export class VolumeMounts {
  readonly #tools: PlaceTools;
  readonly #volumeOf: (mount: MountInfo) => string | undefined;
  readonly #places = new Map<string, Set<string>>();
  /** Where a volume was published for one workload alone, by volume. */
  readonly #alone = new Map<string, string>();

  /** `volumeOf` tells which volume a line of the mount table shows, of whichever backend. */
  constructor(tools: PlaceTools, volumeOf: (mount: MountInfo) => string | undefined) {
    this.#tools = tools;
    this.#volumeOf = volumeOf;
    for (const mount of tools.mounter.mounts()) {
      const id = volumeOf(mount);
      if (id !== undefined) this.remember(id, mount.mountPoint);
    }
  }

  /** @throws GrpcError INTERNAL – a mount is there of which nothing more can be known. */
  standing(place: Place, isVolume: Recognizer): Standing {
    const facts = place.facts();
    if (!facts) return 'absent';
    if (!facts.isMountRoot) return 'unmounted';
    if (isBroken(facts)) throw brokenMountAt(place.path);
    return isVolume(facts) ? 'volume' : 'other';
  }

  remember(id: string, path: string): void {
    const places = this.#places.get(id);
    if (places) places.add(path);
    else this.#places.set(id, new Set([path]));
  }

  /** Whether the volume was mounted there by this driver, as far as it remembers: the kernel was not asked. */
  remembers(id: string, path: string): boolean {
    return this.#places.get(id)?.has(path) === true;
  }

  forget(id: string, path: string): void {
    const places = this.#places.get(id);
    places?.delete(path);
    if (this.#alone.get(id) === path) this.#alone.delete(id);
    if (places?.size === 0) this.#places.delete(id);
  }

  /** Nobody else may have the volume as long as it is published there. */
  rememberAlone(id: string, path: string): void {
    this.#alone.set(id, path);
  }

  aloneAt(id: string): string | undefined {
    return this.#alone.get(id);
  }

  /** Paths other than `except` where the volume is mounted by this driver, each checked with the kernel. */
  others(id: string, isVolume: Recognizer, except: readonly string[]): string[] {
    const candidates = [...(this.#places.get(id) ?? [])].filter((path) => !except.includes(path));
    return candidates.filter((path) => {
      using place = Place.find(path, this.#tools);
      const facts = place?.facts();
      // One that answers nothing may be the volume's: it is not given out beside it.
      const stands = facts?.isMountRoot === true && (isBroken(facts) || isVolume(facts));
      if (!stands) this.forget(id, path);
      return stands;
    });
  }

  /** Every mount of the volume or of something in it, by whomever, from the whole mount table. */
  uses(id: string): string[] {
    const mounts = this.#tools.mounter.mounts().filter((mount) => this.#volumeOf(mount) === id);
    return [...new Set(mounts.map((mount) => mount.mountPoint))];
  }

  /** Options of what is mounted at the path. */
  optionsAt(path: string): readonly string[] {
    return this.#topmost(path)?.options ?? [];
  }

  deviceAt(path: string): string | undefined {
    return this.#topmost(path)?.device;
  }

  fsTypeAt(path: string): string | undefined {
    return this.#topmost(path)?.fsType;
  }

  /** The volume that is mounted at the path, by the mount table, also one in the trash. */
  volumeAt(path: string): string | undefined {
    const mount = this.#topmost(path);
    return mount && this.#volumeOf(mount);
  }

  /** Whether what is mounted at the path is what this volume would be, by its name alone: its pool is not there to be asked. */
  looksLike(path: string, volumeId: string): boolean {
    const mount = this.#topmost(path);
    if (!mount) return false;
    // Its filesystem is mounted, or the device itself, from the filesystem of devices.
    const loop = /^\/dev\/loop(\d+)$/.exec(mount.source)?.[1] ?? /^\/loop(\d+)$/.exec(mount.root)?.[1];
    const file = loop === undefined ? undefined : backingFileOf(Number(loop));
    return [mount.root, file?.replace(/ \(deleted\)$/, '')].some((name) => name?.split('/').at(-1) === volumeId);
  }

  #topmost(path: string): MountInfo | undefined {
    return this.#tools.mounter.mounts().findLast((mount) => mount.mountPoint === path);
  }
}
