import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolders, messageOf } from '@berth/kit';
import { isErrno, lockFile, lockHolder, resolveLinks } from '@berth/linux';
import { BerthError } from './berth-error.ts';

/** Where everything of one `berth` lives; all its mounts, cgroups and bridges are named for this path. */
export class DataDir {
  /** Without symlinks: what is below is looked for in the kernel's mount table. */
  readonly path: string;

  constructor(path: string) {
    if (path.trim() === '')
      throw new BerthError('Usage', 'the data directory has no name', { hint: 'name one: --data-dir DIR' });
    this.path = resolveLinks(path);
  }

  /** Whether `berth up` ever ran here: nothing is removed from a directory that is not ours. */
  get isOurs(): boolean {
    // `berth image load` may have been all that ever ran with it.
    return existsSync(this.lockFile) || existsSync(join(this.images, 'references.json'));
  }

  /** What `berth` makes in the directory; whatever else is there belongs to someone else. */
  get ownEntries(): readonly string[] {
    return ownNames.map((name) => join(this.path, name));
  }

  get pki(): string {
    return join(this.path, 'pki');
  }

  get store(): string {
    return join(this.path, 'store');
  }

  /** A file that is there where the objects are in etcd; by which flags that was found last. */
  get etcdMark(): string {
    return join(this.store, 'in-etcd');
  }

  get images(): string {
    return join(this.path, 'images');
  }

  get kubeconfig(): string {
    return join(this.path, 'admin.kubeconfig');
  }

  get nodes(): string {
    return join(this.path, 'nodes');
  }

  get pidFile(): string {
    return join(this.path, 'berth.pid');
  }

  get lockFile(): string {
    return join(this.path, 'berth.lock');
  }

  node(name: string): NodeDirs {
    const root = join(this.nodes, name);
    return {
      root,
      kubelet: join(root, 'kubelet'),
      logs: join(root, 'logs'),
      runtime: join(root, 'runtime'),
      pool: join(root, 'pool'),
      csiSocket: join(root, 'csi', 'csi.berth.local', 'csi.sock'),
      registrationSocket: join(root, 'kubelet', 'plugins_registry', 'csi.berth.local-reg.sock'),
    };
  }

  /** A short name for this data directory, where a path does not fit: cgroups, bridges. */
  get tag(): string {
    return createHash('sha256').update(this.path).digest('hex').slice(0, 8);
  }

  /**
   * Makes the directory and takes it for this process until it ends, however it ends.
   * @throws BerthError InUse – another `berth up` has it; Usage – the folder holds something else, or nothing can be made there.
   */
  async take(): Promise<Disposable> {
    await this.refuseForeign();
    try {
      await makeFolders(this.path, 0o711);
      const earlier = existsSync(this.lockFile) ? undefined : await this.findHolderOfRemovedLock();
      if (earlier !== undefined) throw this.#inUse(earlier);
      const lock = await this.hold();
      await writeFile(this.pidFile, `${process.pid}\n`);
      return lock;
    } catch (error) {
      if (error instanceof BerthError) throw error;
      throw new BerthError('Usage', `cannot use the data directory ${this.path}: ${messageOf(error)}`, {
        hint: 'name a folder that can be written to: berth up --data-dir DIR',
        cause: error,
      });
    }
  }

  /** @throws BerthError Usage – the kernel could not address the sockets of a node, or others would take the path for several. */
  checkPath(nodes: number): void {
    if (/[,:]/.test(this.path)) {
      throw new BerthError(
        'Usage',
        `data directory ${this.path} has a comma or a colon in its path: KUBECONFIG and container runtimes take it for several`,
        { hint: 'name one without: berth up --data-dir DIR' },
      );
    }
    const { csiSocket, registrationSocket } = this.node(`node-${nodes}`);
    const longest = Math.max(...[csiSocket, registrationSocket].map((path) => Buffer.byteLength(path)));
    if (longest <= maxSocketPathBytes) return;
    const own = Buffer.byteLength(this.path);
    throw new BerthError(
      'Usage',
      `data directory ${this.path} is too long: paths of sockets in it take ${longest} bytes, and the kernel's limit is ${maxSocketPathBytes}`,
      { hint: `name one of at most ${own - (longest - maxSocketPathBytes)} bytes: berth up --data-dir DIR` },
    );
  }

  /** Keeps every other berth from the directory, which exists. @throws BerthError InUse – one has it. */
  async hold(): Promise<Disposable> {
    const lock = lockFile(this.lockFile);
    if (lock) return lock;
    throw this.#inUse(await this.runningPid());
  }

  #inUse(pid: number | undefined): BerthError {
    return new BerthError(
      'InUse',
      `data directory ${this.path} is used by another berth${pid ? ` (pid ${pid})` : ''}`,
      {
        hint: 'stop it first, or give this one its own: --data-dir DIR',
      },
    );
  }

  /**
   * A mistyped path must not mix ours with someone's files: `down --purge` would meet them again.
   * @throws BerthError Usage – the folder holds something else, or is none.
   */
  async refuseForeign(): Promise<void> {
    const entries = await readdir(this.path).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return [];
      if (isErrno(error, 'ENOTDIR')) throw new BerthError('Usage', `data directory ${this.path} is not a directory`);
      throw error;
    });
    // A disk of its own brings lost+found.
    const foreign = entries.filter((name) => name !== 'lost+found');
    if (foreign.length === 0 || foreign.some((name) => ownNames.includes(name))) return;
    throw new BerthError('Usage', `${this.path} holds other files (${foreign[0]}) and is no data directory of berth`, {
      hint: 'name an empty or a new folder: berth up --data-dir DIR',
    });
  }

  /** The pid of the process that holds the directory, if one does. */
  async runningPid(): Promise<number | undefined> {
    const holder = lockHolder(this.lockFile);
    if (holder !== undefined) return holder;
    const lock = lockFile(this.lockFile);
    if (lock) {
      lock[Symbol.dispose]();
      return undefined;
    }
    const pid = Number((await readFile(this.pidFile, 'utf8').catch(() => '')).trim());
    // Written by a process that was killed, its number may be anyone's now.
    return pid > 0 && (await hasOpen(pid, this.lockFile)) ? pid : undefined;
  }

  /** A process that still runs from this directory after the directory, and the lock with it, were removed by hand. */
  async findHolderOfRemovedLock(): Promise<number | undefined> {
    for (const name of await readdir('/proc'))
      if (/^\d+$/.test(name) && (await hasOpen(Number(name), `${this.lockFile} (deleted)`))) return Number(name);
    return undefined;
  }
}

async function hasOpen(pid: number, path: string): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const files = await Promise.all(names.map((name) => readlink(join(folder, name)).catch(() => '')));
  return files.includes(path);
}

/** sockaddr_un holds 108 bytes with the closing NUL (unix(7)). */
const maxSocketPathBytes = 107;

/** The lock goes last: until then the directory can be told to be ours. */
const ownNames: readonly string[] = [
  'nodes',
  'images',
  'store',
  'pki',
  'network.json',
  'admin.kubeconfig',
  'berth.pid',
  'berth.lock',
];

export interface NodeDirs {
  readonly root: string;
  readonly kubelet: string;
  readonly logs: string;
  readonly runtime: string;
  readonly pool: string;
  readonly csiSocket: string;
  readonly registrationSocket: string;
}
