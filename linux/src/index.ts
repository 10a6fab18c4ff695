/** The kernel: mounts, loop devices, mountinfo, safe path walks. The only package with FFI. */
export { isErrno, KernelError } from './kernel-error.ts';
export type { BindOptions, FilesystemMount, Mounter, MountInfo } from './mounter.ts';
