import type { Mounter, MountInfo } from '@berth/linux';

/** Filesystems whose server may be gone: nothing on them is touched on the event loop. */
const networkTypes = /^(nfs4?|cifs|smb3?|ceph|glusterfs|9p|afs|fuse(\..+)?|fuseblk)$/;

export function isMountPoint(mounter: Mounter, path: string): boolean {
  return mounter.mounts().some((mount) => mount.mountPoint === path);
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
  let best: MountInfo | undefined;
  for (const mount of mounter.mounts()) {
    const prefix = mount.mountPoint === '/' ? '/' : `${mount.mountPoint}/`;
    if (path !== mount.mountPoint && !path.startsWith(prefix)) continue;
    if (!best || mount.mountPoint.length >= best.mountPoint.length) best = mount;
  }
  return best;
}

export function isOnNetwork(mounter: Mounter, path: string): boolean {
  return networkTypes.test(mountOf(mounter, path)?.fsType ?? '');
}
