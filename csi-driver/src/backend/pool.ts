import { accessSync, constants, readdirSync, statfsSync } from 'node:fs';
import type { Logger, Rng } from '@berth/kit';
import {
  existsAt,
  type Fd,
  inspect,
  isErrno,
  makeDirectoryAt,
  openRoot,
  openSegment,
  type PathFacts,
  renameAt,
} from '@berth/linux';
import { brokenMountErrors } from '../mounts/place.ts';
import type { PoolCapacity } from './backend.ts';
import { DataRecords } from './data-records.ts';
import { DiskAccount, PoolLedger } from './pool-ledger.ts';
import { defaultOvercommit, type PoolOptions, unnamedPool } from './pool-options.ts';
import { SharedSync } from './shared-sync.ts';
import { Trash } from './trash.ts';

/** A directory of the pool, held open, with its fsync. */
export interface PoolFolder extends Disposable {
  readonly fd: Fd;
  /** Resolves when every name made or removed in it before is on disk. */
  sync(): Promise<void>;
  list(): string[];
}

export interface PoolTools extends Partial<Omit<PoolOptions, 'path'>> {
  /** Its real path. */
  readonly path: string;
  /** That of another pool on the same filesystem. */
  readonly disk?: DiskAccount | undefined;
  readonly rng: Rng;
  readonly log: Logger;
}

/** A directory volumes are in, and its trash. Nobody else writes below it. */
export class Pool implements AsyncDisposable {
  readonly name: string;
  /** Whether its volumes say in their topology that they are in it. */
  readonly named: boolean;
  readonly path: string;
  readonly disk: DiskAccount;
  readonly records: DataRecords;
  /** What it has promised. */
  readonly ledger: PoolLedger;
  readonly trash: Trash;
  readonly #rng: Rng;
  readonly #trashFolder: PoolFolder;
  /** What is being made, out of sight: at a start, what a crash left there. */
  readonly #fresh: PoolFolder;
  readonly #open = new Map<string, PoolFolder>();
  /** Its directory when it was opened, and the mount its folders are reached through. */
  #place: Pick<PathFacts, 'device' | 'inode' | 'mountId'>;
  /** What a look at it said in this turn. */
  #seen: boolean | undefined;

  constructor(tools: PoolTools) {
    const { path, rng, log, name = unnamedPool, named = false, limitBytes, overcommit = defaultOvercommit } = tools;
    this.name = name;
    this.named = named;
    this.path = path;
    this.#rng = rng;
    this.#place = inspect(path);
    this.disk = tools.disk ?? new DiskAccount(() => freeBytesOf(path));
    this.records = new DataRecords(path, log);
    this.ledger = new PoolLedger({
      limitBytes,
      overcommit,
      disk: this.disk,
      isReadOnly: () => isReadOnly(path),
    });
    this.#trashFolder = this.folder('trash');
    this.#fresh = this.folder('fresh');
    for (const name of this.#fresh.list()) renameAt(this.#fresh.fd, name, this.#trashFolder.fd, name);
    this.trash = new Trash(this.#trashFolder.fd, log);
    this.trash.empty();
  }

  /**
   * False where something else is at its path now: its disk was unmounted, or answers nothing. One look is for all who ask
   * in the same turn of the event loop.
   */
  isThere(): boolean {
    if (this.#seen === undefined) {
      this.#seen = this.#look();
      setImmediate(() => {
        this.#seen = undefined;
      });
    }
    return this.#seen;
  }

  /** A folder of the pool, made when missing. It closes with the pool. */
  folder(name: string): PoolFolder {
    using root = openRoot(this.path);
    makeDirectoryAt(root, name, 0o700);
    const fd = openSegment(root, name);
    const sync = new SharedSync(fd.path);
    const folder: PoolFolder = {
      fd,
      sync: () => sync.sync(),
      list: () => readdirSync(fd.path),
      [Symbol.dispose]() {
        sync[Symbol.dispose]();
        fd[Symbol.dispose]();
      },
    };
    this.#open.set(name, folder);
    return folder;
  }

  /**
   * Makes an entry out of sight and shows it in one step, durably: what a folder holds is whole. One that is there stays
   * as it is. `make` gets the name to make it under.
   */
  async add(folder: PoolFolder, name: string, make: (fresh: Fd, name: string) => Promise<void> | void): Promise<void> {
    if (!existsAt(folder.fd, name)) {
      const fresh = `${name}.${this.#rng.uuid()}`;
      try {
        await make(this.#fresh.fd, fresh);
      } catch (error) {
        await this.discard(this.#fresh, fresh);
        throw error;
      }
      renameAt(this.#fresh.fd, fresh, folder.fd, name);
    }
    await folder.sync();
  }

  /** Takes an entry out of reach in one step, durably; what it holds is removed in the background. An absent one is fine. */
  async discard(folder: PoolFolder, name: string): Promise<void> {
    try {
      renameAt(folder.fd, name, this.#trashFolder.fd, `${name}.${this.#rng.uuid()}`);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    await Promise.all([folder.sync(), this.#trashFolder.sync()]);
    this.trash.empty();
  }

  #look(): boolean {
    try {
      const place = inspect(this.path);
      const { device, inode } = this.#place;
      if (place.device !== device || place.inode !== inode) return false;
      if (place.mountId !== this.#place.mountId) this.#reopen();
      this.#place = place;
      return true;
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR', ...brokenMountErrors)) return false;
      throw error;
    }
  }

  /** Its disk was unmounted and is mounted again: nothing can be bound from a mount that is gone (open_tree(2), EINVAL). */
  #reopen(): void {
    using root = openRoot(this.path);
    for (const [name, { fd }] of this.#open) {
      using folder = openSegment(root, name);
      fd.follow(folder);
    }
  }

  async capacity(): Promise<PoolCapacity> {
    const { blocks, bavail, bsize } = statfsSync(this.path);
    return { totalBytes: blocks * bsize, availableBytes: bavail * bsize };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.trash[Symbol.asyncDispose]();
    for (const folder of this.#open.values()) folder[Symbol.dispose]();
  }
}

/** Of the mount or of its filesystem (access(2), EROFS). */
function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (error) {
    return isErrno(error, 'EROFS');
  }
}

function freeBytesOf(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
