import * as flags from './flags.ts';
import { check, libc, pathBytes } from './libc.ts';
import type { Fd } from './open-in-root.ts';

/** What statx(2) tells about a path, without following a last symlink. */
export interface PathFacts {
  /** `major:minor` of the filesystem, as in mountinfo. */
  readonly device: string;
  readonly inode: bigint;
  /** `major:minor` a device node stands for; `0:0` where it is none. */
  readonly node: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mountId: number;
  /** True where something is mounted exactly here (STATX_ATTR_MOUNT_ROOT): the cheap question, instead of the whole mount table. */
  readonly isMountRoot: boolean;
}

/** @throws KernelError ENOENT and the like. */
export function inspect(path: string): PathFacts {
  return statx(flags.AT_FDCWD, path, flags.AT_SYMLINK_NOFOLLOW);
}

/**
 * The same by what the kernel knows already: a filesystem behind a server is not asked, so that one that is gone holds
 * up nobody. Owner and mode may be old there. @throws KernelError ENOENT and the like.
 */
export function inspectCached(path: string): PathFacts {
  return statx(flags.AT_FDCWD, path, flags.AT_SYMLINK_NOFOLLOW | flags.AT_STATX_DONT_SYNC);
}

export function inspectAt(fd: Fd): PathFacts {
  return statx(fd.number, '', flags.AT_EMPTY_PATH);
}

function statx(fd: number, path: string, how: number): PathFacts {
  const out = Buffer.alloc(256);
  check(libc.statx(fd, pathBytes(path), how, flags.STATX_BASIC_STATS | flags.STATX_MNT_ID, out), 'statx', path);
  const attributes = out.readBigUInt64LE(0x08);
  const known = out.readBigUInt64LE(0x38);
  return {
    uid: out.readUInt32LE(0x14),
    gid: out.readUInt32LE(0x18),
    mode: out.readUInt16LE(0x1c),
    inode: out.readBigUInt64LE(0x20),
    node: `${out.readUInt32LE(0x80)}:${out.readUInt32LE(0x84)}`,
    device: `${out.readUInt32LE(0x88)}:${out.readUInt32LE(0x8c)}`,
    mountId: Number(out.readBigUInt64LE(0x90)),
    isMountRoot: (attributes & known & flags.STATX_ATTR_MOUNT_ROOT) !== 0n,
  };
}
