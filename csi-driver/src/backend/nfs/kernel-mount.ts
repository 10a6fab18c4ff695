import { mkdirSync, rmdirSync } from 'node:fs';
import { Fd, isErrno, linuxMounter, openInRoot, openRoot } from '@berth/linux';
import type { MountFlags } from '../../rules/mount-flags.ts';

export interface KernelMount {
  readonly action: 'mount';
  /** `server:/share`, without the sub directory. */
  readonly source: string;
  readonly subDir: string;
  /** nfs(5) options, each known to be one; `vers` is added. */
  readonly options: readonly string[];
  /** To be tried in this order. */
  readonly versions: readonly string[];
  readonly flags: MountFlags;
  /** An empty path where the share is mounted for a moment. */
  readonly aside: string;
}

export interface KernelUnmount {
  readonly action: 'unmount';
  readonly path: string;
  readonly force: boolean;
}

/** The directory to cover is the first fd after the standard ones. */
const targetFd = 3;

/** What tells that a server or this kernel does not have a version (mount.nfs(8) goes on after the same). */
const otherVersion = ['EPROTONOSUPPORT', 'EPROTO', 'EINVAL', 'ENOENT', 'ECONNREFUSED'] as const;

/** Runs in a child of its own: each call here may hang for as long as the server is away. @throws KernelError */
export function runKernelMount(request: KernelMount | KernelUnmount): void {
  if (request.action === 'unmount') unmount(request);
  else mount(request);
}

/**
 * The share is mounted aside, the sub directory found there without following symlinks, and bound to the target: a client
 * of the same share cannot lead the mount elsewhere.
 */
function mount({ source, subDir, options, versions, flags, aside }: KernelMount): void {
  clear(aside);
  mkdirSync(aside, { recursive: true, mode: 0o700 });
  try {
    mountNewest({ source, aside, options }, versions);
    using root = openRoot(aside);
    using directory = openInRoot(root, subDir, { as: 'directory' });
    linuxMounter.bind(directory.number, new Fd(targetFd).number, flags);
  } finally {
    clear(aside);
  }
}

function mountNewest(
  { source, aside, options }: { readonly source: string; readonly aside: string; readonly options: readonly string[] },
  versions: readonly string[],
): void {
  for (const [index, version] of versions.entries()) {
    const fsType = version === '3' ? 'nfs' : 'nfs4';
    // Locks of version 3 need a daemon on both sides; without one they hold on this node.
    const own = version === '3' && !options.includes('lock') ? ['nolock'] : [];
    try {
      linuxMounter.mount({ fsType, source, target: aside, options: [...options, ...own, `vers=${version}`] });
      return;
    } catch (error) {
      if (index === versions.length - 1 || !isErrno(error, ...otherVersion)) throw error;
    }
  }
}

/** Whatever an earlier child left there. */
function clear(aside: string): void {
  try {
    for (let count = 0; count < 16; count++) linuxMounter.unmount(aside, { lazy: true });
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'ENOENT')) throw error;
  }
  try {
    rmdirSync(aside);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

function unmount({ path, force }: KernelUnmount): void {
  if (!force) return linuxMounter.unmount(path);
  try {
    // Ends calls that wait for the server, so that what uses the mount meets an error.
    linuxMounter.unmount(path, { force: true });
  } catch (error) {
    if (!isErrno(error, 'EBUSY')) throw error;
    linuxMounter.unmount(path, { lazy: true });
  }
}
