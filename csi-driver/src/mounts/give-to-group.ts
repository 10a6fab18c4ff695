import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lchownSync,
  lstatSync,
  openSync,
  readdirSync,
  type Stats,
} from 'node:fs';
import { setImmediate } from 'node:timers/promises';

/** Entries changed before other work gets its turn: about a millisecond. */
const batch = 128;

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const fileFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A directory the group owns: read, write, enter, and setgid, so that what is made in it is the group's too. */
export const directoryMode = 0o2070;
export const fileMode = 0o060;

/** Whether all below was given to the group already: the root is changed last. */
export function isOfGroup({ mode, gid }: Pick<Stats, 'mode' | 'gid'>, group: number): boolean {
  return gid === group && (mode & directoryMode) === directoryMode;
}

/**
 * Makes a directory and all below it readable and writable by a group, now and for what is made there later, as a CO does
 * for the group of a pod. Goes by fd: a workload that swaps names for symlinks leads it nowhere. Other filesystems
 * mounted below are left alone. Broken off, it is begun again.
 */
export async function giveToGroup(path: string, group: number, signal: AbortSignal): Promise<void> {
  const fd = openSync(`${path}/.`, directoryFlags);
  try {
    const root = fstatSync(fd);
    if (isOfGroup(root, group)) return;
    await new Walk(group, root.dev, signal).directory(fd, root);
  } finally {
    closeSync(fd);
  }
}

class Walk {
  readonly #group: number;
  readonly #device: number;
  readonly #signal: AbortSignal;
  #seen = 0;

  constructor(group: number, device: number, signal: AbortSignal) {
    this.#group = group;
    this.#device = device;
    this.#signal = signal;
  }

  /** What is in it first. */
  async directory(fd: number, stat: Stats): Promise<void> {
    const here = Buffer.from(`/proc/self/fd/${fd}/`);
    for (const name of readdirSync(here, { encoding: 'buffer' })) await this.#entry(Buffer.concat([here, name]));
    this.#change(fd, stat, directoryMode);
  }

  async #entry(path: Buffer): Promise<void> {
    if (++this.#seen % batch === 0) await setImmediate();
    this.#signal.throwIfAborted();
    const stat = unlessGone(() => lstatSync(path));
    if (!stat || stat.dev !== this.#device) return;
    if (!stat.isDirectory() && !stat.isFile()) {
      // Symlinks, sockets, pipes and devices are the group's; what may be done with them is not changed.
      if (stat.gid !== this.#group) unlessGone(() => lchownSync(path, -1, this.#group));
      return;
    }
    const fd = unlessGone(() => openSync(path, stat.isDirectory() ? directoryFlags : fileFlags));
    if (fd === undefined) return;
    try {
      const opened = fstatSync(fd);
      if (opened.dev !== this.#device) return;
      if (opened.isDirectory()) await this.directory(fd, opened);
      else if (opened.isFile()) this.#change(fd, opened, fileMode);
    } finally {
      closeSync(fd);
    }
  }

  /** Owner first: changing it takes setgid off again. */
  #change(fd: number, { gid, mode }: Stats, wanted: number): void {
    if (gid !== this.#group) fchownSync(fd, -1, this.#group);
    if (gid !== this.#group || (mode & wanted) !== wanted) fchmodSync(fd, (mode & 0o7777) | wanted);
  }
}

/** @returns undefined where the workload removed or swapped it meanwhile. */
function unlessGone<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR' || code === 'ENXIO') return undefined;
    throw error;
  }
}
