/** One line of /proc/self/mountinfo (proc_pid_mountinfo(5)), octal escapes undone. */
export interface MountInfo {
  readonly id: number;
  readonly parentId: number;
  /** `major:minor` */
  readonly device: string;
  /** Path inside the mounted filesystem that is its root here: the source directory of a bind mount. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** `shared:N`, `master:N`, `propagate_from:N`, `unbindable` */
  readonly propagation: readonly string[];
  readonly fsType: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

export interface BindOptions {
  /** Enforced on the bind itself (mount_setattr), recursively where `recursive`. */
  readonly readOnly?: boolean;
  readonly recursive?: boolean;
  /** Further per-mount attributes. */
  readonly flags?: readonly ('nosuid' | 'nodev' | 'noexec' | 'noatime' | 'nodiratime' | 'relatime' | 'nosymfollow')[];
  readonly propagation?: 'private' | 'slave' | 'shared';
}

export interface FilesystemMount {
  readonly fsType: string;
  /** Device, or a label for filesystems without one (`tmpfs`, `overlay`). */
  readonly source: string;
  readonly target: string;
  /**
   * Options of the filesystem and of the mount as in mount(8): `ro`, `nosuid`, `size=64m`, `lowerdir=…`. With `remount` those of
   * the mount at `target` become these.
   */
  readonly options?: readonly string[];
}

/** What Berth asks of the kernel's mount table. All throw KernelError named by errno. */
export interface Mounter {
  /** Makes what `source` (a file or directory path, or an open fd from a safe walk) shows also appear at `target` (same). */
  bind(source: string | number, target: string | number, options?: BindOptions): void;
  mount(mount: FilesystemMount): void;
  /**
   * Unmounts the topmost mount at `target`; `lazy` detaches a busy one, `force` ends what waits for a server.
   * @throws KernelError EINVAL – nothing is mounted there.
   */
  unmount(target: string, options?: { readonly lazy?: boolean; readonly force?: boolean }): void;
  /** The mount table of this process's namespace, in the kernel's order (later ones cover earlier ones). */
  mounts(): readonly MountInfo[];
  /**
   * The mount that serves `path`, by name alone: nothing is looked up on a filesystem that may hang. The event loop is not held
   * while the kernel writes the table, however many mounts there are.
   */
  servingMount(path: string): Promise<MountInfo | undefined>;
  /** Whether something is mounted exactly at `path`, which is on no network filesystem: the kernel is asked about it alone. */
  isLocalMountPoint(path: string): boolean;
}
