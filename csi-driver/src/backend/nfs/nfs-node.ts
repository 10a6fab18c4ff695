import { createHash } from 'node:crypto';
import type { Logger } from '@berth/kit';
import { isErrno, type Mounter, type MountInfo, type PathFacts } from '@berth/linux';
import { isNfsError } from '@berth/nfs-client';
import { grpcError } from '@berth/protos';
import type { Place } from '../../mounts/place.ts';
import type { NodeSide, StageRequest, Unstaging, VolumeSpec, VolumeUsage } from '../backend.ts';
import { giveTreeToGroup } from './give-tree-to-group.ts';
import { shownBy, sourceOf } from './nfs-location.ts';
import { type NfsOptions, parseNfsOptions } from './nfs-options.ts';
import { type NfsVolume, nfsVolumeOf } from './nfs-parameters.ts';
import type { NfsServers } from './nfs-servers.ts';
import type { ShareMounter } from './share-mounter.ts';
import type { StagedVolumes } from './staged-volumes.ts';

export interface NfsNodeOptions {
  readonly mounter: Mounter;
  /** Whoever can mount here; undefined where nobody can. */
  readonly shares: ShareMounter | undefined;
  readonly servers: NfsServers;
  readonly staged: StagedVolumes;
  readonly log: Logger;
  /** The context of a volume this driver made. */
  readonly contextOf: (id: string) => Readonly<Record<string, string>> | undefined;
}

/** More mounts of one volume on one path than any crash could leave. */
const maxStacked = 64;

/** Directories of servers on this node: staging mounts one, and publishing binds that. */
export class NfsNode implements NodeSide {
  readonly baseOptions: readonly string[] = [];
  readonly #options: NfsNodeOptions;

  constructor(options: NfsNodeOptions) {
    this.#options = options;
  }

  /**
   * A volume that another driver made, or nobody: what its context says, checked.
   * @throws GrpcError ALREADY_EXISTS – another directory is mounted here under its id.
   */
  adopt(id: string, volumeContext: Readonly<Record<string, string>>): VolumeSpec {
    const source = sourceOf(nfsVolumeOf(volumeContext));
    const known = this.#options.staged.find(id);
    if (known && known.source !== source && this.#isMounted(known.source)) {
      throw grpcError('ALREADY_EXISTS', `volume "${id}" is staged here from ${known.source}, not from ${source}`);
    }
    return { id, capacityBytes: 0, parameters: {}, context: volumeContext };
  }

  /** A volume that is staged here, whoever made it. */
  findStaged(id: string): VolumeSpec | undefined {
    const staged = this.#options.staged.find(id);
    return staged && { id, capacityBytes: 0, parameters: {}, context: { ...staged.context } };
  }

  volumeOf(mount: MountInfo): string | undefined {
    if (!this.#isShare(mount)) return undefined;
    return this.#options.staged.showing(shownBy(mount))?.id;
  }

  recognizer(id: string): (facts: PathFacts) => boolean {
    const volume = this.#volumeOf(id);
    const source = volume && sourceOf(volume);
    return ({ mountId }) => {
      const mount = this.#options.mounter.mounts().find((one) => one.id === mountId);
      return mount !== undefined && this.#isShare(mount) && shownBy(mount) === source;
    };
  }

  async stage({ volume, place, flags, mountFlags }: StageRequest, signal: AbortSignal): Promise<void> {
    const { shares, staged } = this.#options;
    if (!shares) {
      throw grpcError(
        'FAILED_PRECONDITION',
        'this node cannot mount nfs: its kernel has no nfs client, and there is no /dev/fuse',
      );
    }
    const { id, context = {} } = volume;
    const isNew = !staged.find(id);
    const { volume: location } = await staged.remember(id, context);
    try {
      using target = place.open();
      const options = optionsFor(location, mountFlags);
      await shares.mount({ key: keyOf(id), location, options, flags, target }, signal);
    } catch (error) {
      // Of one that was staged before there may be mounts still, to be known by it.
      if (isNew && !place.facts()?.isMountRoot) await staged.forget(id);
      throw error;
    }
  }

  async unstage(id: string, unmount: () => void, { place, signal }: Unstaging): Promise<void> {
    if (place) await this.#unmountAll(id, place, signal);
    // What is left to do is to forget the place.
    unmount();
    this.#options.shares?.forget?.(keyOf(id));
    await this.#options.staged.forget(id);
  }

  isDead(id: string, device: string): boolean {
    return this.#options.shares?.isDead?.(keyOf(id), device) === true;
  }

  takeAwayDead(id: string, place: Place): void {
    const isVolume = this.recognizer(id);
    for (let count = 0; count < maxStacked; count++) {
      const facts = place.facts();
      if (!facts?.isMountRoot || !isVolume(facts) || !this.isDead(id, facts.device)) return;
      // Nobody is asked, so that this waits for nothing; what still has it open keeps its errors.
      place.unmount({ lazy: true });
    }
  }

  async expand(): Promise<void> {
    // A directory of a server has no size of its own.
  }

  /** By the server, not by the mount. One that does not let root give files away keeps them: who may do what there, it says. */
  async giveToGroup(volume: VolumeSpec, group: number, signal: AbortSignal): Promise<void> {
    const { servers, log } = this.#options;
    const known = this.#volumeOf(volume.id) ?? nfsVolumeOf(volume.context ?? {});
    await servers.useLong(
      known,
      async (client, stop) => {
        try {
          await giveTreeToGroup(client, { path: known.subDir, group }, stop);
        } catch (error) {
          if (!isNfsError(error, 'PERM', 'ACCESS', 'ROFS')) throw error;
          log.warn('the nfs server does not let files be given to a group', { volume: volume.id, group });
        }
      },
      signal,
    );
  }

  /** Asked of the server, not of the mount: a mount whose server is gone would keep whoever asks. */
  async usage(volume: VolumeSpec, _mounted: unknown, signal: AbortSignal): Promise<VolumeUsage> {
    const known = this.#volumeOf(volume.id) ?? nfsVolumeOf(volume.context ?? {});
    const { bytes, files } = await this.#options.servers.use(
      known,
      (client, limit) => client.statfs(known.subDir, limit),
      signal,
    );
    return {
      bytes: { total: bytes.total, available: bytes.available, used: bytes.total - bytes.free },
      inodes: { total: files.total, available: files.available, used: files.total - files.free },
    };
  }

  async #unmountAll(id: string, place: Place, signal: AbortSignal): Promise<void> {
    const isVolume = this.recognizer(id);
    for (let count = 0; count < maxStacked; count++) {
      const facts = place.facts();
      // What else is mounted there is for `unmount` to refuse.
      if (!facts?.isMountRoot || !isVolume(facts)) return;
      await this.#unmount(id, place, signal);
    }
  }

  async #unmount(id: string, place: Place, signal: AbortSignal): Promise<void> {
    const { shares } = this.#options;
    if (!shares) return;
    const mounted = { key: keyOf(id), path: place.handlePath };
    try {
      await shares.unmount({ ...mounted, force: false }, signal);
    } catch (error) {
      if (await this.#isAnswering(id, signal)) throw inUse(error, place);
      // Whoever uses it waits for a server that is gone: detached, they end when it comes back, or with an error.
      await shares.unmount({ ...mounted, force: true }, signal);
    }
  }

  async #isAnswering(id: string, signal: AbortSignal): Promise<boolean> {
    const volume = this.#volumeOf(id);
    if (!volume) return false;
    try {
      await this.#options.servers.use(volume, (client, limit) => client.statfs('', limit), signal);
      return true;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  }

  #volumeOf(id: string): NfsVolume | undefined {
    const staged = this.#options.staged.find(id);
    if (staged) return staged.volume;
    const context = this.#options.contextOf(id);
    return context && nfsVolumeOf(context);
  }

  #isMounted(source: string): boolean {
    return this.#options.mounter.mounts().some((mount) => this.#isShare(mount) && shownBy(mount) === source);
  }

  #isShare({ fsType }: MountInfo): boolean {
    return this.#options.shares?.fsTypes.includes(fsType) ?? false;
  }
}

function optionsFor({ version, port }: NfsVolume, mountFlags: readonly string[]): NfsOptions {
  // What the flags say is nearer to the mount than what the class says.
  return {
    ...(version === undefined ? {} : { version }),
    ...(port === undefined ? {} : { port }),
    ...parseNfsOptions(mountFlags),
  };
}

/** Ids of hand-written volumes are any text; those of ours are names already. */
function keyOf(id: string): string {
  return /^[a-z0-9-]{1,64}$/.test(id) ? id : createHash('sha256').update(id).digest('hex');
}

function inUse(error: unknown, place: Place): unknown {
  if (!isErrno(error, 'EBUSY')) return error;
  return grpcError('FAILED_PRECONDITION', `${place.path} is in use: a process has files open in it or works in it`);
}
