import type { Fd } from '@berth/linux';
import type { MountFlags } from '../../rules/mount-flags.ts';
import type { NfsLocation } from './nfs-location.ts';
import type { NfsOptions } from './nfs-options.ts';

export interface ShareMount {
  /** Names what runs for this mount and is one at a time: `^[a-z0-9-]{1,64}$`. */
  readonly key: string;
  readonly location: NfsLocation;
  readonly options: NfsOptions;
  readonly flags: MountFlags;
  /** The directory to cover: a handle that `/proc/self/fd/N` reaches here, and a child that inherits it. */
  readonly target: Fd;
}

export interface ShareUnmount {
  readonly key: string;
  /** Where the mount is: a path through an fd of the directory it is in. */
  readonly path: string;
  /** Detach it also while it is used and its server does not answer, and end what serves it. */
  readonly force: boolean;
}

/**
 * Shows a directory of an NFS server at a path of this node. What is mounted stays when the driver ends.
 * The mount's source and root joined are `sourceOf(location)`; by that the mount table tells whose it is.
 * A server that does not answer never holds up this process: what can hang runs elsewhere.
 */
export interface ShareMounter {
  /** `kernel` or `fuse`, for logs. */
  readonly name: string;
  /** Types its mounts have in the mount table. */
  readonly fsTypes: readonly string[];
  /**
   * Resolves when the directory shows at the target. No symlink of the server is followed on the way to it.
   * @throws GrpcError NOT_FOUND – the server has no such directory; UNAVAILABLE – no answer before the signal or a
   * deadline of its own; then nothing is mounted; FAILED_PRECONDITION – the server or the kernel refuses.
   */
  mount(mount: ShareMount, signal: AbortSignal): Promise<void>;
  /** Whether what served the mount of this device has died, whatever serves another of the key since; absent where nothing can. */
  isDead?(key: string, device: string): boolean;
  /** Nothing is mounted for this key any more, whoever took it away: what was kept for it goes. */
  forget?(key: string): void;
  /**
   * Takes the topmost mount off the path. One that is not mounted any more is fine.
   * @throws KernelError EBUSY – it is used, and not forced; GrpcError UNAVAILABLE – it takes too long.
   */
  unmount(unmount: ShareUnmount, signal: AbortSignal): Promise<void>;
}
