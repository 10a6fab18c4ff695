import { closeSync } from 'node:fs';
import * as flags from './flags.ts';
import { isErrno } from './kernel-error.ts';
import { check, checkUnless, libc, pathBytes } from './libc.ts';

/** An open file descriptor that closes when disposed. `path` reaches the same file, whatever its name becomes. */
export class Fd implements Disposable {
  readonly number: number;
  #open = true;

  constructor(number: number) {
    this.number = number;
  }

  get path(): string {
    return `/proc/self/fd/${this.number}`;
  }

  /** Reaches from now on what the other does; who holds it need not know. */
  follow(other: Fd): void {
    check(libc.dup3(other.number, this.number, flags.O_CLOEXEC), 'dup3', other.path);
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.number);
  }
}

export interface OpenInRootOptions {
  /** What the last segment may be; `any` opens it as a mere handle (O_PATH). */
  readonly as?: 'any' | 'directory';
  /**
   * Follow symlinks as if `root` were `/` instead of refusing them: they cannot lead outside. `beneath` also refuses (EXDEV)
   * the ones that try to: absolute links, and `..` past the root (subPath).
   */
  readonly followSymlinks?: boolean | 'beneath';
  /** Readable instead of a mere handle. */
  readonly readable?: boolean;
}

/** Opens a directory by a trusted path, as a handle to walk from. Its last segment may not be a symlink. */
export function openRoot(path: string): Fd {
  const how = flags.O_PATH | flags.O_DIRECTORY | flags.O_NOFOLLOW | flags.O_CLOEXEC;
  return new Fd(check(libc.openat(flags.AT_FDCWD, pathBytes(path), how, 0), 'open', path));
}

/**
 * Opens `relative` below `root` so that nobody can redirect the walk: the kernel resolves it in one step
 * (openat2 with RESOLVE_IN_ROOT, man openat2(2)), absolute paths and `..` stay inside, magic links are refused.
 * @throws KernelError ELOOP – a symlink is on the way; ENOENT, ENOTDIR as usual.
 */
export function openInRoot(root: Fd, relative: string, options: OpenInRootOptions = {}): Fd {
  const links = options.followSymlinks ? 0 : flags.RESOLVE_NO_SYMLINKS;
  let open = flags.O_CLOEXEC | (options.readable ? flags.O_RDONLY : flags.O_PATH);
  if (options.as === 'directory') open |= flags.O_DIRECTORY;
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(open), 0);
  const scope = options.followSymlinks === 'beneath' ? flags.RESOLVE_BENEATH : flags.RESOLVE_IN_ROOT;
  how.writeBigUInt64LE(BigInt(scope | flags.RESOLVE_NO_MAGICLINKS | links), 16);
  const path = pathBytes(relative === '' ? '.' : relative);
  // EAGAIN: a rename elsewhere raced with `..`; the kernel asks for another try (openat2(2)).
  for (let tries = 0; ; tries++) {
    try {
      const fd = libc.openat2(libc.numbers.openat2, root.number, path, how, 24);
      return new Fd(check(Number(fd), 'openat2', relative));
    } catch (error) {
      if (tries >= 32 || !isErrno(error, 'EAGAIN')) throw error;
    }
  }
}

/**
 * Like `mkdir -p relative` below `root`, one segment at a time from the fd of the one before; gives the last directory.
 * @throws KernelError ELOOP or ENOTDIR – a symlink or file stands in the way; EINVAL – `..` in the path.
 */
export function makeDirectoriesInRoot(root: Fd, relative: string, mode = 0o750): Fd {
  let here = new Fd(
    check(libc.openat(root.number, pathBytes('.'), flags.O_PATH | flags.O_DIRECTORY | flags.O_CLOEXEC, 0), 'open', '.'),
  );
  for (const segment of relative.split('/').filter((part) => part !== '' && part !== '.')) {
    using previous = here;
    makeDirectoryAt(previous, segment, mode);
    here = openSegment(previous, segment);
  }
  return here;
}

/** @returns false where the directory already existed. */
export function makeDirectoryAt(parent: Fd, name: string, mode = 0o750): boolean {
  assertSegment(name);
  return checkUnless('EEXIST', libc.mkdirat(parent.number, pathBytes(name), mode), 'mkdirat', name) !== undefined;
}

/** Whether a directory has an entry of this name, be it a symlink that leads nowhere. */
export function existsAt(parent: Fd, name: string): boolean {
  assertSegment(name);
  const answer = libc.faccessat(parent.number, pathBytes(name), flags.F_OK, flags.AT_SYMLINK_NOFOLLOW);
  return checkUnless('ENOENT', answer, 'faccessat', name) !== undefined;
}

/** Opens a directory entry that must be a directory itself, not a link to one. */
export function openSegment(parent: Fd, name: string): Fd {
  assertSegment(name);
  const how = flags.O_PATH | flags.O_DIRECTORY | flags.O_NOFOLLOW | flags.O_CLOEXEC;
  return new Fd(check(libc.openat(parent.number, pathBytes(name), how, 0), 'openat', name));
}

export function renameAt(oldParent: Fd, oldName: string, newParent: Fd, newName: string): void {
  assertSegment(oldName);
  assertSegment(newName);
  check(
    libc.renameat(oldParent.number, pathBytes(oldName), newParent.number, pathBytes(newName)),
    'renameat',
    `${oldName} to ${newName}`,
  );
}

/** A name that stays in its directory. */
export function assertSegment(name: string): void {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw new RangeError(`"${name}" is not the name of a directory entry`);
  }
}
