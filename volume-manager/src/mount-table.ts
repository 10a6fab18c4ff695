import { isErrno, type Mounter, type MountInfo } from '@berth/linux';

/** Filesystems whose server may be gone: nothing on them is touched on the event loop. */
const networkTypes = /^(nfs4?|cifs|smb3?|ceph|glusterfs|9p|afs|fuse(\..+)?|fuseblk)$/;

export function isMountPoint(mounter: Mounter, path: string): boolean {
  return mounter.mounts().some((mount) => mount.mountPoint === path);
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

/** Told by name alone, as nothing may be looked up there. */
export async function isOnNetwork(mounter: Mounter, path: string): Promise<boolean> {
  return networkTypes.test((await mounter.servingMount(path))?.fsType ?? '');
}
