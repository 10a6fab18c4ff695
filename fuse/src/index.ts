/** Serves a file system through /dev/fuse: the protocol, the loop that answers the kernel, and the mount. */
export {
  type Attributes,
  type Caller,
  type Changes,
  type Entry,
  type FileRead,
  type FileStat,
  type FileSystem,
  type FileWrite,
  type FuseChanger,
  type FuseDirectories,
  type FuseFiles,
  type FuseMaker,
  type FuseRanges,
  type FuseTree,
  makeDevice,
  type NodeAt,
  type NodeId,
  type NoEntry,
  type Opened,
  type OpenFile,
  type OpenId,
  rootNode,
  type Space,
  splitDevice,
} from './file-system.ts';
export { type Errno, FuseError } from './fuse-error.ts';
export { type FuseMount, type KernelCache, type MountFuseOptions, mountFuse } from './mount-fuse.ts';
export type { DirectoryEntry, DirectorySink } from './wire/directory-buffer.ts';
