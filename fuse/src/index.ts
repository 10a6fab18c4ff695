/** Serves a file system through /dev/fuse: the protocol, the loop that answers the kernel, and the mount. */
export * from './file-system.ts';
export { type Errno, FuseError } from './fuse-error.ts';
export { type FuseMount, type KernelCache, type MountFuseOptions, mountFuse } from './mount-fuse.ts';
export type { DirectoryEntry, DirectorySink } from './wire/directory-buffer.ts';
