/** Numbers of the protocol (linux/fuse.h, versions 7.31 and later). */

export const fuseMajor = 7;
/** The newest minor version whose messages are known here. */
export const fuseMinor = 38;
/** Kernel 5.4: the first with all that is relied on. */
export const oldestMinor = 31;

export const opcode = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  readlink: 5,
  symlink: 6,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  access: 34,
  create: 35,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
  fallocate: 43,
  readdirplus: 44,
  rename2: 45,
  lseek: 46,
  copyFileRange: 47,
} as const;

/** Bits of `fuse_init_in.flags` and `fuse_init_out.flags`. */
export const initFlag = {
  asyncRead: 1 << 0,
  atomicTruncate: 1 << 3,
  bigWrites: 1 << 5,
  autoInvalidate: 1 << 12,
  readdirplus: 1 << 13,
  readdirplusAuto: 1 << 14,
  asyncDirect: 1 << 15,
  writebackCache: 1 << 16,
  parallelDirectoryOperations: 1 << 18,
  handlesKillPrivileges: 1 << 19,
  maxPages: 1 << 22,
  cacheSymlinks: 1 << 23,
  extended: 1 << 30,
} as const;

/** Bits of `flags2`, which are the 33rd and later of all. */
export const initFlag2 = { directMmap: 1 << 4 } as const;

/** `fuse_setattr_in.valid`. */
export const setattrBit = {
  mode: 1 << 0,
  uid: 1 << 1,
  gid: 1 << 2,
  size: 1 << 3,
  accessed: 1 << 4,
  modified: 1 << 5,
  handle: 1 << 6,
  accessedNow: 1 << 7,
  modifiedNow: 1 << 8,
} as const;

/** `fuse_open_out.open_flags`. */
export const openFlag = { direct: 1 << 0, keepCache: 1 << 1 } as const;

export const getattrHasHandle = 1 << 0;
/** The page cache writes what was mapped; whose file handle it is is a guess. */
export const writeIsFromCache = 1 << 0;
export const syncsDataOnly = 1 << 0;

/** What the kernel is told without having asked. */
export const notification = { invalidateNode: 2 } as const;

export const headerBytes = { request: 40, reply: 16 } as const;
/** Kernels refuse reads of the device with less room than this (FUSE_MIN_READ_BUFFER). */
export const leastBufferBytes = 8192;
/** Room in front of the data of a WRITE for its header. */
export const pageBytes = 4096;
