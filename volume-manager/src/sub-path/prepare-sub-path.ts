import { chmodSync, closeSync, existsSync, mkdirSync, openSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  Fd,
  inspect,
  inspectAt,
  isErrno,
  type Mounter,
  makeDirectoryAt,
  openInRoot,
  openRoot,
  openSegment,
} from '@berth/linux';
import { isMountPoint } from '../mount-table.ts';

export interface SubPath {
  /** The volume's root on this node; trusted, so links in it (a hostPath's) are followed. */
  readonly volume: string;
  /** Relative, without `..`; what it names may be changed by containers at any time. */
  readonly subPath: string;
  /** Where the bind mount goes: `volume-subpaths/<volume>/<container>/<index>`. */
  readonly target: string;
  readonly readOnly: boolean;
}

const directory = 0o040000;
const fileType = 0o170000;

/**
 * Binds what a subPath names, so that nobody can redirect it afterwards (upstream subpath_linux.go doBindSubPath; CVE-2017-1002101,
 * CVE-2021-25741). The path is walked once, below the volume's root and never out of it, and what was found is mounted by its fd.
 * Links inside the volume are followed as far as they stay inside.
 * @throws KernelError EXDEV, ELOOP, ENOENT … – it leads out of the volume or nowhere.
 */
export function bindSubPath(mounter: Mounter, { volume, subPath, target, readOnly }: SubPath): void {
  using root = openRoot(realpathSync(volume));
  using source = openInRoot(root, subPath, { followSymlinks: 'beneath' });
  const facts = inspectAt(source);
  if (isMountPoint(mounter, target)) {
    if (isSame(inspect(target), facts)) return;
    while (isMountPoint(mounter, target)) mounter.unmount(target);
  }
  makeTarget(target, (facts.mode & fileType) === directory);
  mounter.bind(source.number, target, { readOnly });
}

/** Makes a subPath's directories, unless something is there by its name. @throws KernelError, as {@link makeSubPath}. */
export function ensureSubPath(volume: string, subPath: string): void {
  if (!existsSync(join(volume, subPath))) makeSubPath(volume, subPath);
}

/**
 * Makes a subPath's directories where they are missing, with the mode of the volume's root, each from the fd of its parent.
 * What exists stays, also where it is a file.
 * @throws KernelError – a link on the way leads out of the volume.
 */
function makeSubPath(volume: string, subPath: string): void {
  using root = openRoot(realpathSync(volume));
  const mode = inspectAt(root).mode & 0o7777;
  let here = new Fd(openSync(root.path, 0o10000000));
  try {
    let walked = '';
    for (const segment of subPath.split('/').filter((part) => part !== '' && part !== '.')) {
      const parent = here;
      walked = walked === '' ? segment : `${walked}/${segment}`;
      const next = openExisting(root, walked) ?? made(root, parent, { segment, walked, mode });
      parent[Symbol.dispose]();
      here = next;
    }
  } finally {
    here[Symbol.dispose]();
  }
}

function openExisting(root: Fd, path: string): Fd | undefined {
  try {
    return openInRoot(root, path, { followSymlinks: 'beneath' });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** A link to nothing is not replaced: EEXIST of mkdir is then followed by ENOENT of the walk. */
function made(root: Fd, parent: Fd, { segment, walked, mode }: { segment: string; walked: string; mode: number }): Fd {
  if (makeDirectoryAt(parent, segment, mode)) chmodDirectory(parent, segment, mode);
  return openInRoot(root, walked, { followSymlinks: 'beneath' });
}

/** mkdir's mode passes through the umask. */
function chmodDirectory(parent: Fd, segment: string, mode: number): void {
  using fresh = openSegment(parent, segment);
  chmodSync(fresh.path, mode);
}

function makeTarget(target: string, isDirectory: boolean): void {
  mkdirSync(dirname(target), { recursive: true, mode: 0o750 });
  if (isDirectory) mkdirSync(target, { recursive: true, mode: 0o750 });
  else closeSync(openSync(target, 'a', 0o640));
}

function isSame(a: { device: string; inode: bigint }, b: { device: string; inode: bigint }): boolean {
  return a.device === b.device && a.inode === b.inode;
}
