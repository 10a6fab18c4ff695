import { statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  deviceSize,
  type Fd,
  growLoop,
  inspectAt,
  isDeviceReadOnly,
  isErrno,
  loopPath,
  type Mounter,
  type MountInfo,
  openFileAt,
  openLoop,
  openRoot,
  type PathFacts,
  reopen,
  setDeviceReadOnly,
  syncFile,
  syncFilesystemOf,
} from '@berth/linux';
import { grpcError } from '@berth/protos';
import { freeze, thaw } from '../../mounts/freeze.ts';
import { SharedFreezes } from '../../mounts/shared-freezes.ts';
import { Readers } from '../../pipeline/readers.ts';
import type { NodeSide, StageRequest, Stillness, VolumeSpec, VolumeUsage } from '../backend.ts';
import { type Filesystems, isFormatting } from './filesystem.ts';
import { foreignMount } from './foreign-mount.ts';
import type { ImageFiles } from './image-files.ts';
import { imageMountOptions } from './image-flags.ts';
import { type HeldLoop, type ImageLoops, isAutoclear, loopOfMount, loopOfNode } from './image-loops.ts';
import { isFsType, isReserved } from './image-offer.ts';
import { openToAll, prepareFilesystem } from './prepare-filesystem.ts';
import { type FsType, roomToGrow } from './superblock.ts';

export interface ImageNodeOptions {
  readonly files: ImageFiles;
  readonly loops: ImageLoops;
  readonly filesystems: Filesystems;
  readonly mounter: Mounter;
}

/** How long staging waits for the last holder of a device that is about to go, and how often it looks. */
const holderWaitMs = 2000;
const holderPollMs = 20;

/** Images on this node: a loop device that lives as long as the staging does, and a filesystem mounted from it. */
export class ImageNode implements NodeSide {
  readonly baseOptions: readonly string[] = [];
  readonly #files: ImageFiles;
  readonly #loops: ImageLoops;
  readonly #filesystems: Filesystems;
  readonly #mounter: Mounter;
  readonly #freezes = new SharedFreezes();
  /** Images nobody uses while they are copied; one is not staged before that has ended. */
  readonly #unmounted = new Readers();

  constructor({ files, loops, filesystems, mounter }: ImageNodeOptions) {
    this.#files = files;
    this.#loops = loops;
    this.#filesystems = filesystems;
    this.#mounter = mounter;
  }

  volumeOf(mount: MountInfo): string | undefined {
    const loop = loopOfMount(mount);
    return loop && this.#loops.volumeOf(loop.number);
  }

  recognizer(id: string): (facts: PathFacts) => boolean {
    // Only to say that it is missing.
    openFileAt(this.#files.images, id, 'handle')[Symbol.dispose]();
    return (facts) => {
      const number = loopOfNode(facts) ?? this.#loopOfFilesystem(facts);
      return number !== undefined && this.#loops.isOf(number, id);
    };
  }

  async stage(request: StageRequest): Promise<void> {
    const { volume, access } = request;
    using _alone = this.#unmounted.exclude(volume.id);
    for (let waited = 0; this.#isHeldByNobody(volume.id, access); waited += holderPollMs) {
      if (waited >= holderWaitMs)
        throw grpcError('ABORTED', `a program still works on volume "${volume.id}"; try again`);
      await sleep(holderPollMs);
    }
    await this.#undoHalfFormat(volume);
    using loop = await this.#loops.hold(volume.id, access === 'mount');
    await growLoop(loop.number);
    if (access === 'mount') await this.#mount(request, loop);
  }

  /** Its device goes with the mount; the one of a block volume is detached here. */
  async unstage(id: string, unmount: () => void): Promise<void> {
    // What was written goes to the disk first and beside other calls: the unmount itself stops this process.
    for (const { mountPoint } of this.#mountsOf(id, 'filesystem')) await syncMount(mountPoint);
    unmount();
    const [published] = this.#mountsOf(id, 'device');
    if (published) {
      throw grpcError('FAILED_PRECONDITION', `volume "${id}" is still published at ${published.mountPoint}`);
    }
    if (this.#mountsOf(id, 'filesystem').length === 0) await this.#loops.release(id);
  }

  async retire(id: string): Promise<void> {
    await this.#loops.release(id);
  }

  /** Synchronous, as the publish that calls it. A device is read-only for all of its users or for none. */
  device(id: string, readOnly: boolean): Fd {
    const number = this.#loops.find(id);
    if (number === undefined || isAutoclear(number) !== false) {
      throw grpcError('FAILED_PRECONDITION', `volume "${id}" is not staged as a block device on this node`);
    }
    using device = openLoop(number, true);
    if (isDeviceReadOnly(device) !== readOnly) {
      const [published] = this.#mountsOf(id, 'device');
      if (published) {
        throw grpcError(
          'FAILED_PRECONDITION',
          `volume "${id}" is published ${readOnly ? 'for writing' : 'read-only'} at ${published.mountPoint}`,
        );
      }
      setDeviceReadOnly(device, readOnly);
    }
    using dev = openRoot('/dev');
    return openFileAt(dev, `loop${number}`, 'handle');
  }

  /** What is not staged grows when it is. */
  async expand({ id }: VolumeSpec): Promise<void> {
    const number = this.#loops.find(id);
    if (number === undefined) return;
    await growLoop(number);
    const [mount] = this.#mountsOf(id, 'filesystem');
    if (!mount) return;
    using device = openLoop(number);
    await this.#growFilesystem({ number, device }, mount.mountPoint);
  }

  async usage({ id }: VolumeSpec, mounted: Fd): Promise<VolumeUsage> {
    const number = loopOfNode(inspectAt(mounted));
    if (number !== undefined) {
      using device = openLoop(number, true);
      using file = openFileAt(this.#files.images, id, 'handle');
      const total = deviceSize(device);
      const used = Math.min(statSync(file.path).blocks * 512, total);
      return { bytes: { total, available: total - used, used } };
    }
    const { blocks, bfree, bavail, bsize, files, ffree } = await statfs(`${mounted.path}/.`);
    return {
      bytes: { total: blocks * bsize, available: bavail * bsize, used: (blocks - bfree) * bsize },
      inodes: { total: files, available: ffree, used: files - ffree },
    };
  }

  /**
   * Does the work while the image holds everything written to the volume. A mounted one stands still meanwhile;
   * a block device cannot be stopped, so that then only a copy in one step is a true one.
   */
  async quietly<T>(id: string, work: (mayTakeLong: boolean) => Promise<T>): Promise<T> {
    if (isFormatting(this.#files.images, id)) {
      throw grpcError('ABORTED', `volume "${id}" is half-way formatted; stage it once, then try again`);
    }
    const [mount] = this.#mountsOf(id, 'filesystem');
    if (mount) {
      await using _frozen = await this.stop(id);
      return await work(true);
    }
    const number = this.#loops.find(id);
    if (number === undefined) {
      using _reading = this.#unmounted.read(id);
      return await work(true);
    }
    using device = openLoop(number);
    await syncFile(device);
    return await work(false);
  }

  /** A mount of each volume's filesystem, also of a volume whose image is gone. */
  filesystemMounts(): Map<string, MountInfo> {
    const found = new Map<string, MountInfo>();
    for (const mount of this.#mounter.mounts()) {
      const loop = loopOfMount(mount);
      const id = loop?.kind === 'filesystem' ? this.#loops.volumeOf(loop.number) : undefined;
      if (id !== undefined && !found.has(id)) found.set(id, mount);
    }
    return found;
  }

  stillness(id: string): Stillness {
    if (this.#mountsOf(id, 'filesystem').length > 0) return 'stoppable';
    return this.#loops.find(id) === undefined ? 'idle' : 'atomic';
  }

  /** Freezes the volume's filesystem; one mounted at several paths is one. */
  async stop(id: string): Promise<AsyncDisposable> {
    const [mount] = this.#mountsOf(id, 'filesystem');
    if (!mount) throw grpcError('ABORTED', `volume "${id}" was unmounted meanwhile; try again`);
    return await this.#freezes.hold(id, () => freeze(mount.mountPoint));
  }

  /** Ends what a crash left standing still. @returns the mount points. */
  async thawAll(): Promise<string[]> {
    const thawed: string[] = [];
    for (const mount of this.#mounter.mounts()) {
      if (loopOfMount(mount)?.kind !== 'filesystem' || this.volumeOf(mount) === undefined) continue;
      if (await thaw(mount.mountPoint)) thawed.push(mount.mountPoint);
    }
    return thawed;
  }

  async #mount({ volume, fsType, flags, mountFlags, place }: StageRequest, loop: HeldLoop): Promise<void> {
    const device = { path: loopPath(loop.number), fd: loop.device };
    const { images } = this.#files;
    const { readOnly } = flags;
    // Mounted elsewhere already: neither checked nor formatted, whatever its superblock says meanwhile.
    const mounted = this.#mountsOf(volume.id, 'filesystem')[0] ?? (loop.found ? foreignMount(loop.number) : undefined);
    const type = isFsType(mounted?.fsType)
      ? mounted.fsType
      : await prepareFilesystem(this.#filesystems, { volume, device, images, fsType, readOnly });
    try {
      place.mount({ fsType: type, source: device.path, options: imageMountOptions(mountFlags, type) });
    } catch (error) {
      throw mountError(error, volume.id, type);
    }
    if (readOnly) return;
    try {
      using root = place.open();
      await this.#growFilesystem(loop, place.path);
      openToAll(root);
    } catch (error) {
      place.unmount();
      throw error;
    }
  }

  async #growFilesystem({ number, device }: Pick<HeldLoop, 'number' | 'device'>, mountPoint: string): Promise<void> {
    const fsType = roomToGrow(device);
    if (fsType) await this.#filesystems.grow({ path: loopPath(number), fd: device }, fsType, mountPoint);
  }

  /**
   * Whether its device is about to go, and held by no mount: by a mount namespace whose last process has ended, which
   * the kernel takes down in its own time, or by a mkfs or fsck that outlived the driver that started it.
   * @throws FAILED_PRECONDITION when it is in use in the other way.
   */
  #isHeldByNobody(id: string, access: 'mount' | 'block'): boolean {
    const number = this.#loops.find(id);
    if (number === undefined) return false;
    const [mount] = this.#mountsOf(id, 'filesystem');
    if (mount && access === 'block') {
      throw grpcError(
        'FAILED_PRECONDITION',
        `volume "${id}" is mounted at ${mount.mountPoint}; it is no block device now`,
      );
    }
    const autoclear = isAutoclear(number);
    // Gone since it was found: with the last user of a mount that has ended.
    if (mount || autoclear === undefined) return false;
    if (autoclear) return access === 'block' || foreignMount(number) === undefined;
    if (access === 'block') return false;
    throw grpcError('FAILED_PRECONDITION', `volume "${id}" is staged as a block device; unstage it first`);
  }

  /** A mkfs that was killed leaves something that is no filesystem and not empty. Nothing of anybody's is on it. */
  async #undoHalfFormat(volume: VolumeSpec): Promise<void> {
    if (!isFormatting(this.#files.images, volume.id) || this.#loops.find(volume.id) !== undefined) return;
    await this.#files.blank(volume.id, isReserved(volume.parameters));
  }

  #loopOfFilesystem({ device, mountId }: PathFacts): number | undefined {
    const direct = /^7:(\d+)$/.exec(device);
    if (direct) return Number(direct[1]);
    // btrfs shows a device number of its own; the mount table knows what is below it.
    const mount = this.#mounter.mounts().find(({ id }) => id === mountId);
    return mount?.fsType === 'btrfs' ? loopOfMount(mount)?.number : undefined;
  }

  #mountsOf(id: string, kind: 'filesystem' | 'device'): MountInfo[] {
    return this.#mounter.mounts().filter((mount) => {
      const loop = loopOfMount(mount);
      return loop?.kind === kind && this.#loops.isOf(loop.number, id);
    });
  }
}

async function syncMount(mountPoint: string): Promise<void> {
  try {
    using handle = openRoot(mountPoint);
    using root = reopen(handle);
    await syncFilesystemOf(root);
  } catch (error) {
    // Another unmounted it, or it is broken: the unmount says so. A full pool has no room for the rest later either.
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EIO', 'EROFS', 'ENOSPC', 'EDQUOT')) throw error;
  }
}

function mountError(error: unknown, id: string, fsType: FsType): unknown {
  if (isErrno(error, 'EINVAL')) {
    return grpcError(
      'INVALID_ARGUMENT',
      `volume "${id}": ${fsType} does not take one of mount_flags, has a feature this kernel has not, or is damaged`,
    );
  }
  if (isErrno(error, 'EUCLEAN', 'EUNKNOWN', 'EIO', 'EFSCORRUPTED')) {
    return grpcError(
      'DATA_LOSS',
      `volume "${id}": its ${fsType} is damaged; run the repair program of ${fsType} on it`,
    );
  }
  return error;
}
