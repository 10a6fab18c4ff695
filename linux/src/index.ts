/** The kernel: mounts, mountinfo, safe path walks, locks. The only package with FFI. */
export {
  deviceSize,
  freezeFilesystem,
  isDeviceReadOnly,
  setDeviceReadOnly,
  thawFilesystem,
} from './block-device.ts';
export {
  cloneSubvolumeAt,
  createSubvolumeAt,
  enableSubvolumeQuota,
  limitSubvolume,
  removeSubvolumeAt,
  subvolumeUsage,
} from './btrfs.ts';
export { cloneFile } from './clone-file.ts';
export { copySparse, holdsData, readsAsZeros } from './copy-sparse.ts';
export { copyTree, type TreeCopy } from './copy-tree.ts';
export {
  createFileAt,
  linkAt,
  makeNodeAt,
  setModeAt,
  setOwnerAt,
  setTimesAt,
  setXattr,
  symlinkAt,
  syncFilesystem,
} from './create-at.ts';
export { FakeKernel } from './fake-kernel.ts';
export { dataRanges, type FileExtent, fileExtents, type Range } from './file-extents.ts';
export { lockFile, lockHolder } from './file-lock.ts';
export { punchHole, reserveSpace, setFileSize, syncFile, syncFilesystemOf, unshareSpace } from './file-space.ts';
export { type FuseChannel, openFuseChannel } from './fuse-device.ts';
export { IdlePolling, type IdlePollingOptions, idlePollingDevice, idlePollingPays } from './idle-polling.ts';
export { isErrno, KernelError } from './kernel-error.ts';
export {
  type AttachedLoop,
  attachLoop,
  backingFileOf,
  detachLoop,
  growLoop,
  isLoopOf,
  type LoopOptions,
  listLoops,
  loopMajor,
  loopPath,
  openLoop,
} from './loop-device.ts';
export { linuxMounter, mountAside, unmountAside } from './mounter.linux.ts';
export type { BindOptions, FilesystemMount, Mounter, MountInfo } from './mounter.ts';
export { parseMountInfo } from './mountinfo.ts';
export { type FileAccess, openFileAt, removeFileAt, reopen } from './open-file.ts';
export {
  assertSegment,
  existsAt,
  Fd,
  makeDirectoriesInRoot,
  makeDirectoryAt,
  type OpenInRootOptions,
  openInRoot,
  openRoot,
  openSegment,
  renameAt,
} from './open-in-root.ts';
export { connectPackets, endPackets } from './packet-socket.ts';
export { inspect, inspectAt, inspectCached, type PathFacts } from './path-facts.ts';
export {
  limitProject,
  type ProjectUsage,
  projectOf,
  projectQuotaState,
  projectUsage,
  setProject,
} from './project-quota.ts';
export { type MountTable, readMounts } from './read-mounts.ts';
export { removeEmptyAt, removeTree } from './remove-tree.ts';
export { resolveLinks } from './resolve-links.ts';
export { returnMemoryWhenQuiet } from './return-memory.ts';
export { mustRun, ProgramError, type ProgramResult, type RunOptions, runProgram } from './run-program.ts';
export {
  type Program,
  type ProgramEnd,
  type ProgramFd,
  type ProgramOptions,
  programPath,
  startProgram,
} from './start-program.ts';
export { openTerminal, setTerminalSize, type Terminal } from './terminal.ts';
export { type TreeUsage, treeUsage } from './tree-usage.ts';
export { getXattr, listXattrs, putXattr, removeXattr, type XattrPath } from './xattr.ts';
