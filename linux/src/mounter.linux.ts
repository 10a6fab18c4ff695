import { readFileSync } from 'node:fs';
import * as flags from './flags.ts';
import { isErrno } from './kernel-error.ts';
import { callAsync, check, libc, pathBytes } from './libc.ts';
import type { BindOptions, FilesystemMount, Mounter, MountInfo } from './mounter.ts';
import { parseMountInfo } from './mountinfo.ts';
import { inspect } from './path-facts.ts';
import { readMounts } from './read-mounts.ts';

const empty = pathBytes('');
const attributes = { nosuid: 1, nodev: 1, noexec: 1, noatime: 1, nodiratime: 1, relatime: 1, nosymfollow: 1 } as const;

/** The kernel's mount table through system calls: no forks, and fds instead of paths wherever a path could be redirected. */
export const linuxMounter: Mounter = { bind, mount, unmount, mounts, servingMount, isLocalMountPoint };

function bind(source: string | number, target: string | number, options: BindOptions = {}): void {
  const tree = cloneTree(source, options.recursive === true);
  try {
    setAttributes(tree, options);
    moveMount(tree, target);
  } finally {
    libc.close(tree);
  }
}

function cloneTree(source: string | number, recursive: boolean): number {
  const how = flags.OPEN_TREE_CLONE | flags.O_CLOEXEC | (recursive ? flags.AT_RECURSIVE : 0);
  const [fd, path, extra] = place(source, flags.AT_EMPTY_PATH);
  return check(Number(libc.openTree(libc.numbers.open_tree, fd, path, how | extra)), 'open_tree', `${source}`);
}

/** A path relative to nothing, or an fd with an empty path. */
function place(at: string | number, emptyPathFlag: number): [fd: number, path: Buffer, flag: number] {
  return typeof at === 'number' ? [at, empty, emptyPathFlag] : [flags.AT_FDCWD, pathBytes(at), 0];
}

/** Attributes are set on the detached tree, so the mount is never visible without them: no read-write moment of a read-only bind. */
function setAttributes(tree: number, options: BindOptions): void {
  let set = options.readOnly ? flags.MOUNT_ATTR.ro : 0;
  let clear = 0;
  for (const flag of options.flags ?? []) {
    if (!(flag in attributes)) continue;
    set |= flags.MOUNT_ATTR[flag];
    if (flag === 'noatime' || flag === 'relatime') clear |= flags.MOUNT_ATTR.atimeMask;
  }
  const propagation = options.propagation ? flags.MS[options.propagation] : 0;
  if (set === 0 && clear === 0 && propagation === 0) return;
  const attr = Buffer.alloc(32);
  attr.writeBigUInt64LE(BigInt(set), 0);
  attr.writeBigUInt64LE(BigInt(clear), 8);
  attr.writeBigUInt64LE(BigInt(propagation), 16);
  const how = flags.AT_EMPTY_PATH | (options.recursive ? flags.AT_RECURSIVE : 0);
  check(
    Number(libc.mountSetattr(libc.numbers.mount_setattr, tree, empty, how, attr, 32)),
    'mount_setattr',
    'on the new mount',
  );
}

function moveMount(tree: number, target: string | number): void {
  const [fd, path, extra] = place(target, flags.MOVE_MOUNT_T_EMPTY_PATH);
  const how = flags.MOVE_MOUNT_F_EMPTY_PATH | extra;
  check(Number(libc.moveMount(libc.numbers.move_mount, tree, empty, fd, path, how)), 'move_mount', `to ${target}`);
}

function mount(wanted: FilesystemMount): void {
  check(libc.mount(...mountArguments(wanted)), 'mount', `${wanted.fsType} on ${wanted.target}`);
}

/** The same on a thread of the pool: where many mounts come and go, each waits for the others in the kernel. @throws KernelError */
export async function mountAside(wanted: FilesystemMount): Promise<void> {
  const what = `${wanted.fsType} on ${wanted.target}`;
  await callAsync(libc.mount, mountArguments(wanted), { syscall: 'mount', what });
}

function mountArguments({ fsType, source, target, options = [] }: FilesystemMount) {
  let bits = 0;
  const data: string[] = [];
  for (const option of options) {
    const bit = option in flags.MS ? flags.MS[option as keyof typeof flags.MS] : undefined;
    if (bit !== undefined) bits |= bit;
    else if (option !== 'rw' && option !== 'defaults') data.push(option);
  }
  return [pathBytes(source), pathBytes(target), pathBytes(fsType), bits, pathBytes(data.join(','))] as const;
}

interface UnmountOptions {
  readonly lazy?: boolean;
  readonly force?: boolean;
}

function unmount(target: string, options: UnmountOptions = {}): void {
  check(libc.umount2(pathBytes(target), howToUnmount(options)), 'umount2', target);
}

/** The same on a thread of the pool: a file system served by this very process must go on answering meanwhile. @throws KernelError */
export async function unmountAside(target: string, options: UnmountOptions = {}): Promise<void> {
  const how = howToUnmount(options);
  await callAsync(libc.umount2, [pathBytes(target), how], { syscall: 'umount2', what: target });
}

function howToUnmount({ lazy = false, force = false }: UnmountOptions): number {
  return flags.UMOUNT_NOFOLLOW | (lazy ? flags.MNT_DETACH : 0) | (force ? flags.MNT_FORCE : 0);
}

function mounts(): MountInfo[] {
  return parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'));
}

async function servingMount(path: string): Promise<MountInfo | undefined> {
  return (await readMounts()).serving(path);
}

function isLocalMountPoint(path: string): boolean {
  try {
    return inspect(path).isMountRoot;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
