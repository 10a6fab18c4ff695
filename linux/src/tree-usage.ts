import { type BigIntStats, closeSync, constants, lstatSync, openSync, readdirSync } from 'node:fs';

export interface TreeUsage {
  readonly bytes: number;
  readonly inodes: number;
}

/** Entries looked at before other work gets its turn: about a millisecond. */
const batch = 256;

const directoryOnly = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * What du(1) would say about a directory: blocks in use and inodes, hard links once, other mounts left out.
 * Goes by fd, so that a workload that swaps a directory for a symlink cannot lead it elsewhere.
 */
export async function treeUsage(path: string, signal: AbortSignal): Promise<TreeUsage> {
  const walk = new Walk(signal);
  // The path may be a link of /proc/self/fd, which may be followed; what is below may not.
  await walk.enter(`${path}/.`);
  if (walk.inodes === 0) throw Object.assign(new Error(`${path} cannot be read`), { code: 'ENOENT', errno: -2 });
  return { bytes: walk.bytes, inodes: walk.inodes };
}

class Walk {
  readonly #signal: AbortSignal;
  readonly #links = new Set<bigint>();
  #device: bigint | undefined;
  #seen = 0;
  bytes = 0;
  inodes = 0;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  async enter(path: string | Buffer): Promise<void> {
    const fd = tryTo(() => openSync(path, directoryOnly));
    if (fd === undefined) return;
    try {
      const here = Buffer.from(`/proc/self/fd/${fd}/`);
      const own = lstatSync(Buffer.concat([here, Buffer.from('.')]), { bigint: true });
      this.#device ??= own.dev;
      if (own.dev !== this.#device) return;
      this.#count(own);
      for (const name of readdirSync(here, { encoding: 'buffer' })) await this.#entry(Buffer.concat([here, name]));
    } finally {
      closeSync(fd);
    }
  }

  async #entry(path: Buffer): Promise<void> {
    if (++this.#seen % batch === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    this.#signal.throwIfAborted();
    const stat = tryTo(() => lstatSync(path, { bigint: true }));
    if (!stat) return;
    if (stat.isDirectory()) await this.enter(path);
    else if (stat.dev === this.#device) this.#count(stat);
  }

  #count(stat: BigIntStats): void {
    if (!stat.isDirectory() && stat.nlink > 1n) {
      if (this.#links.has(stat.ino)) return;
      this.#links.add(stat.ino);
    }
    this.bytes += Number(stat.blocks) * 512;
    this.inodes += 1;
  }
}

/** What is removed while the walk goes on simply does not count. */
function tryTo<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw error;
  }
}
