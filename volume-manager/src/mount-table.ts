import { inspect, isErrno, linuxMounter, type Mounter, type MountInfo, readMounts } from '@berth/linux';

/** Filesystems whose server may be gone: nothing on them is touched on the event loop. */
const networkTypes = /^(nfs4?|cifs|smb3?|ceph|glusterfs|9p|afs|fuse(\..+)?|fuseblk)$/;

export function isMountPoint(mounter: Mounter, path: string): boolean {
  return mounter.mounts().some((mount) => mount.mountPoint === path);
}

/**
 * The same for what is surely no network filesystem (a tmpfs of ours): the kernel is asked about this one path, which costs
 * microseconds however many mounts there are.
 */
export function isLocalMountPoint(mounter: Mounter, path: string): boolean {
  if (mounter !== linuxMounter) return isMountPoint(mounter, path);
  try {
    return inspect(path).isMountRoot;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Takes away every mount that is exactly at `path`; none is fine. @throws KernelError EBUSY – something is mounted below. */
export function unmountAll(mounter: Mounter, path: string): void {
  try {
    while (true) mounter.unmount(path);
  } catch (error) {
    // EINVAL: nothing is mounted there (umount2(2)).
    if (!isErrno(error, 'EINVAL', 'ENOENT')) throw error;
  }
}

/** Mounts at `path` and below it, the deepest and topmost first: the order to unmount them in. */
export function mountsBelow(mounter: Mounter, path: string): MountInfo[] {
  return mounter
    .mounts()
    .filter((mount) => mount.mountPoint === path || mount.mountPoint.startsWith(`${path}/`))
    .reverse();
}

/** The mount that serves `path`, by name alone: nothing is looked up on a filesystem that may hang. */
export function mountOf(mounter: Mounter, path: string): MountInfo | undefined {
  return servingMount(mounter.mounts(), path);
}

function servingMount(mounts: readonly MountInfo[], path: string): MountInfo | undefined {
  let best: MountInfo | undefined;
  for (const mount of mounts) {
    const prefix = mount.mountPoint === '/' ? '/' : `${mount.mountPoint}/`;
    if (path !== mount.mountPoint && !path.startsWith(prefix)) continue;
    if (!best || mount.mountPoint.length >= best.mountPoint.length) best = mount;
  }
  return best;
}

export function isOnNetwork(mounter: Mounter, path: string): boolean {
  return isNetwork(mountOf(mounter, path));
}

/** The same, with the table read aside: every volume of every container is asked about. */
export async function isFoundOnNetwork(mounter: Mounter, path: string): Promise<boolean> {
  return isNetwork(servingMount(mounter === linuxMounter ? await readMounts() : mounter.mounts(), path));
}

function isNetwork(mount: MountInfo | undefined): boolean {
  return networkTypes.test(mount?.fsType ?? '');
}
