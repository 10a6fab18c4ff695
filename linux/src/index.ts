/** The kernel: mounts, mountinfo, safe path walks, locks. The only package with FFI. */
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
export { lockFile } from './file-lock.ts';
export { isErrno, KernelError } from './kernel-error.ts';
export { linuxMounter } from './mounter.linux.ts';
export type { BindOptions, FilesystemMount, Mounter, MountInfo } from './mounter.ts';
export { parseMountInfo } from './mountinfo.ts';
export {
  assertSegment,
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
export { inspect, inspectAt, type PathFacts } from './path-facts.ts';
export { removeTree } from './remove-tree.ts';
export { openTerminal, setTerminalSize, type Terminal } from './terminal.ts';
