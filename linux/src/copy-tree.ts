import {
  type BigIntStats,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { cloneFile } from './clone-file.ts';
import { copyAttributes, makeNode } from './copy-attributes.ts';
import { copySparse } from './copy-sparse.ts';
import { setFileSize } from './file-space.ts';
import { isErrno } from './kernel-error.ts';
import { Fd } from './open-in-root.ts';

export interface TreeCopy {
  readonly entries: number;
  /** Bytes of data that were copied; what shares its blocks with the source does not count. */
  readonly copiedBytes: number;
  /** `reflink`: every file shares its blocks. `copy`: none does. */
  readonly method: 'reflink' | 'copy';
}

/** Files of a directory that are copied at once: the threads of the pool are four. */
const filesAtOnce = 4;

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Copies what is in one directory into another, empty one, and the attributes of the directory itself: owners, modes,
 * times, extended attributes (ACLs too), hard links, holes, devices. Files share their blocks where the filesystem can.
 * Goes by fd, so a workload that swaps a directory for a symlink cannot lead it elsewhere; other mounts are left out, and
 * what vanishes meanwhile too. The caller syncs.
 * @throws KernelError ENOSPC and the like; the signal's reason. What was copied so far stays.
 */
export async function copyTree(source: Fd, target: Fd, signal: AbortSignal): Promise<TreeCopy> {
  const copy = new Copy(target, signal);
  await copy.directory(source, target, Buffer.from('.'));
  copy.finish(source, { to: target, name: Buffer.from('.') });
  return { entries: copy.entries, copiedBytes: copy.copiedBytes, method: copy.shared === false ? 'copy' : 'reflink' };
}

interface Entry {
  readonly from: Fd;
  readonly to: Fd;
  readonly name: Buffer;
  readonly stat: BigIntStats;
}

class Copy {
  readonly #signal: AbortSignal;
  readonly #root: Fd;
  /** First copies of files with several names, as paths below the root. */
  readonly #links = new Map<bigint, Buffer>();
  #device: bigint | undefined;
  #failure: { readonly error: unknown } | undefined;
  entries = 0;
  copiedBytes = 0;
  /** Whether blocks can be shared; unknown before the first file with data. */
  shared: boolean | undefined;

  constructor(root: Fd, signal: AbortSignal) {
    this.#root = root;
    this.#signal = signal;
  }

  async directory(from: Fd, to: Fd, path: Buffer): Promise<void> {
    const device = lstatSync(below(from, Buffer.from('.')), { bigint: true }).dev;
    this.#device ??= device;
    if (device !== this.#device) return;
    const names = readdirSync(`${from.path}/.`, { encoding: 'buffer' }) as Buffer[];
    const running = new Set<Promise<void>>();
    try {
      for (const name of names) {
        this.#check();
        const stat = vanishing(() => lstatSync(below(from, name), { bigint: true }));
        if (!stat) continue;
        const entry = { from, to, name, stat };
        if (stat.isDirectory()) await this.#subdirectory(entry, join(path, name));
        else if (stat.isFile()) await this.#file(entry, { path: join(path, name), running });
        else this.#special(entry);
      }
    } finally {
      // Their directories are open until they have ended, also where another failed.
      await Promise.all(running);
    }
    this.#check();
  }

  /** @throws what the first file failed with that was copied beside this. */
  #check(): void {
    this.#signal.throwIfAborted();
    if (this.#failure) throw this.#failure.error;
  }

  /** Attributes of a directory come last: its times change with every entry, and its mode may forbid writing. */
  finish(source: Fd, { to, name }: Pick<Entry, 'to' | 'name'>): void {
    const self = below(source, Buffer.from('.'));
    copyAttributes({ source: self, to, name, stat: lstatSync(self, { bigint: true }) });
  }

  async #subdirectory({ from, to, name }: Entry, path: Buffer): Promise<void> {
    const opened = vanishing(() => openSync(below(from, name), directoryFlags));
    if (opened === undefined) return;
    using source = new Fd(opened);
    mkdirSync(below(to, name), 0o700);
    this.entries++;
    using target = new Fd(openSync(below(to, name), directoryFlags));
    await this.directory(source, target, path);
    this.finish(source, { to, name });
  }

  #special(entry: Entry): void {
    const { from, to, name, stat } = entry;
    if (stat.isSymbolicLink()) {
      const text = vanishing(() => readlinkSync(below(from, name), { encoding: 'buffer' }));
      if (text === undefined) return;
      symlinkSync(text, below(to, name));
    } else makeNode(to, name, stat);
    this.entries++;
    // Only its name can be asked; where that has gone meanwhile, it had no attributes.
    vanishing(() => copyAttributes({ source: below(from, name), to, name, stat }));
  }

  async #file(entry: Entry, { path, running }: { path: Buffer; running: Set<Promise<void>> }): Promise<void> {
    const { to, name, stat, from } = entry;
    const first = stat.nlink > 1n ? this.#links.get(stat.ino) : undefined;
    if (first) {
      linkSync(below(this.#root, first), below(to, name));
      this.entries++;
      return;
    }
    while (running.size >= filesAtOnce) await Promise.race(running);
    const opened = vanishing(() => openSync(below(from, name), readFlags));
    if (opened === undefined) return;
    const target = new Fd(openSync(below(to, name), createFlags, 0o600));
    this.entries++;
    if (stat.nlink > 1n) this.#links.set(stat.ino, path);
    const work = this.#content(new Fd(opened), target, entry)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => running.delete(work));
    running.add(work);
  }

  async #content(source: Fd, target: Fd, entry: Entry): Promise<void> {
    using _source = source;
    using _target = target;
    const stat = fstatSync(source.number, { bigint: true });
    if (!stat.isFile()) return;
    if (stat.size > 0n && !(await this.#share(source, target))) {
      const size = Number(stat.size);
      const copied = await copySparse(source, target, size, this.#signal);
      this.copiedBytes += copied;
      await setFileSize(target, size);
    }
    copyAttributes({ ...entry, source, stat });
  }

  async #share(source: Fd, target: Fd): Promise<boolean> {
    if (this.shared === false) return false;
    this.shared = await cloneFile(source, target);
    return this.shared;
  }
}

/** An entry of an open directory as a path; the directory itself cannot be redirected. */
function below(directory: Fd, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${directory.path}/`), name]);
}

function join(path: Buffer, name: Buffer): Buffer {
  return Buffer.concat([path, Buffer.from('/'), name]);
}

/** What is removed or swapped while the walk goes on is simply not copied. */
function vanishing<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    // readlink(2) says EINVAL of what is a link no more.
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EINVAL')) return undefined;
    throw error;
  }
}
