/** Kernel constants (linux/mount.h, linux/fcntl.h, linux/openat2.h, linux/stat.h); values are the same on x86_64 and arm64 unless chosen here. */
import { constants } from 'node:fs';

export const AT_FDCWD = -100;
export const AT_EMPTY_PATH = 0x1000;
export const AT_RECURSIVE = 0x8000;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const F_OK = 0;
export const AT_REMOVEDIR = 0x200;
export const AT_STATX_DONT_SYNC = 0x4000;

export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;
export const O_RDONLY = constants.O_RDONLY;
export const O_RDWR = constants.O_RDWR;
export const O_WRONLY = constants.O_WRONLY;
export const O_DIRECTORY = constants.O_DIRECTORY;
export const O_NOFOLLOW = constants.O_NOFOLLOW;
export const O_NONBLOCK = constants.O_NONBLOCK;
export const O_CREAT = constants.O_CREAT;
export const O_EXCL = constants.O_EXCL;

export const OPEN_TREE_CLONE = 1;
export const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
export const MOVE_MOUNT_T_EMPTY_PATH = 0x40;

export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;

export const MNT_FORCE = 1;
export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

export const MS = {
  ro: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  sync: 16,
  remount: 32,
  dirsync: 128,
  nosymfollow: 256,
  noatime: 1024,
  nodiratime: 2048,
  bind: 4096,
  rec: 16384,
  silent: 32768,
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
  relatime: 1 << 21,
  strictatime: 1 << 24,
  lazytime: 1 << 25,
} as const;

export const MOUNT_ATTR = {
  ro: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  atimeMask: 0x70,
  relatime: 0x0,
  noatime: 0x10,
  nodiratime: 0x80,
  nosymfollow: 0x200000,
} as const;

export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;

export const STATX_BASIC_STATS = 0x7ff;
export const STATX_MNT_ID = 0x1000;
export const STATX_ATTR_MOUNT_ROOT = 0x2000n;

export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

export const FALLOC_FL_KEEP_SIZE = 1;
export const FALLOC_FL_PUNCH_HOLE = 2;
export const FALLOC_FL_UNSHARE_RANGE = 0x40;

/** linux/fs.h, linux/loop.h; the encodings are the same on x86_64 and arm64. */
export const IOCTL = {
  fiemap: 0xc020660b,
  ficlone: 0x40049409,
  fifreeze: 0xc0045877,
  fithaw: 0xc0045878,
  blkroset: 0x125d,
  blkroget: 0x125e,
  blkgetsize64: 0x80081272,
  loopClearFd: 0x4c01,
  loopGetStatus64: 0x4c05,
  loopSetCapacity: 0x4c07,
  loopConfigure: 0x4c0a,
  loopCtlGetFree: 0x4c82,
} as const;

/** linux/btrfs.h. */
export const btrfs = {
  subvolumeCreate: 0x5000940e,
  snapshotDestroy: 0x5000940f,
  snapshotCreate: 0x50009417,
  inodeLookup: 0xd0009412,
  filesystemInfo: 0x8400941f,
  quotaControl: 0xc0109428,
  quotaLimit: 0x8030942b,
  quotaRescanWait: 0x942e,
} as const;

/** linux/quota.h, linux/dqblk_xfs.h, linux/fs.h. The generic calls work on xfs too. */
export const quota = {
  get: 0x800007,
  set: 0x800008,
  getState: 0x5808,
  blockLimitsValid: 1,
  projectsCounted: 1 << 4,
  projectsEnforced: 1 << 5,
  getAttributes: 0x801c581f,
  setAttributes: 0x401c5820,
  inheritProject: 0x200,
} as const;

export const LO_FLAGS = { readOnly: 1, autoclear: 4, directIo: 16 } as const;
