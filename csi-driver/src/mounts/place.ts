import { lstatSync, readdirSync, rmdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import {
  type BindOptions,
  createFileAt,
  type Fd,
  type FilesystemMount,
  isErrno,
  type Mounter,
  makeDirectoryAt,
  openFileAt,
  openInRoot,
  openRoot,
  openSegment,
  type PathFacts,
  removeFileAt,
} from '@berth/linux';
import { grpcError } from '@berth/protos';

/** What statx says about a path, mounts included. A parameter, so that tests without root can show a model's mounts. */
export type Inspect = (path: string) => PathFacts;

export interface PlaceTools {
  readonly mounter: Mounter;
  readonly inspect: Inspect;
}

/** What statx(2) answers where a server, a device or a filesystem is gone (k8s.io/mount-utils, IsCorruptedMnt). */
export const brokenMountErrors = ['EIO', 'ESTALE', 'ENOTCONN', 'EHOSTDOWN', 'ENODEV', 'EUCLEAN', 'ENXIO'] as const;

/** A mount of which nothing more can be known; it can still be taken off. */
const brokenMount: PathFacts = {
  device: '',
  inode: 0n,
  node: '0:0',
  mode: 0,
  uid: 0,
  gid: 0,
  mountId: -1,
  isMountRoot: true,
};

export function brokenMountAt(path: string): Error {
  return grpcError('INTERNAL', `the mount at ${path} answers errors only; take it off`);
}

export function isBroken(facts: PathFacts): boolean {
  return facts.mountId === brokenMount.mountId;
}

/**
 * A path the CO gave, held by the fd of its parent directory: what is done here cannot be redirected by renaming
 * or planting symlinks on the way (CVE-2021-25741).
 */
export class Place implements Disposable {
  /** As the CO wrote it, without needless slashes: as the mount table has it. */
  readonly path: string;
  readonly #parent: Fd;
  readonly #name: string;
  readonly #tools: PlaceTools;

  private constructor(path: string, parent: Fd, tools: PlaceTools) {
    this.path = path;
    this.#parent = parent;
    this.#name = basename(path);
    this.#tools = tools;
  }

  /**
   * @returns undefined where the directory it would be in does not exist.
   * @throws GrpcError INVALID_ARGUMENT – a symlink or a file is on the way.
   */
  static find(given: string, tools: PlaceTools): Place | undefined {
    const path = given.replace(/\/+/g, '/').replace(/(.)\/$/, '$1');
    try {
      using root = openRoot('/');
      return new Place(path, openInRoot(root, dirname(path).slice(1), { as: 'directory' }), tools);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      if (isErrno(error, 'ELOOP')) {
        throw grpcError('INVALID_ARGUMENT', `${path}: a symbolic link is on the way; give the path without links`);
      }
      if (isErrno(error, 'ENOTDIR')) throw grpcError('INVALID_ARGUMENT', `${path}: a file is on the way`);
      throw tooLong(error, path) ?? error;
    }
  }

  /** @returns undefined where nothing has this name; see {@link isBroken}. @throws GrpcError INVALID_ARGUMENT – a symlink has it. */
  facts(): PathFacts | undefined {
    try {
      const facts = this.#tools.inspect(this.#at);
      if ((facts.mode & 0o170000) === 0o120000) throw grpcError('INVALID_ARGUMENT', `${this.path} is a symbolic link`);
      return facts;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      if (isErrno(error, ...brokenMountErrors)) return brokenMount;
      throw tooLong(error, this.path) ?? error;
    }
  }

  open(): Fd {
    return openSegment(this.#parent, this.#name);
  }

  /** Whatever has the name, a file or a device too, as a handle; a symlink is refused. */
  openHandle(): Fd {
    return openFileAt(this.#parent, this.#name, 'handle');
  }

  /** An empty file, for a device to be mounted on. */
  makeFile(): void {
    createFileAt(this.#parent, this.#name, 0o640)[Symbol.dispose]();
  }

  isEmptyFile(): boolean {
    const stat = lstatSync(this.#at);
    return stat.isFile() && stat.size === 0;
  }

  removeFile(): void {
    removeFileAt(this.#parent, this.#name);
  }

  makeDirectory(): void {
    makeDirectoryAt(this.#parent, this.#name, 0o750);
  }

  isDirectory(): boolean {
    return lstatSync(this.#at).isDirectory();
  }

  isEmptyDirectory(): boolean {
    return lstatSync(this.#at).isDirectory() && readdirSync(this.#at).length === 0;
  }

  /** @throws an error with code ENOTEMPTY – something is in it. */
  removeDirectory(): void {
    rmdirSync(this.#at);
  }

  bind(source: Fd, options: BindOptions): void {
    using target = this.openHandle();
    this.#tools.mounter.bind(source.number, target.number, options);
  }

  /** Mounts a filesystem here, through the fd: no name is resolved again. */
  mount(mount: Omit<FilesystemMount, 'target'>): void {
    using target = this.open();
    this.#tools.mounter.mount({ ...mount, target: target.path });
  }

  unmount(options: { readonly lazy?: boolean } = {}): void {
    this.#tools.mounter.unmount(this.#at, options);
  }

  [Symbol.dispose](): void {
    this.#parent[Symbol.dispose]();
  }

  /** The path through the fd of its directory, as long as this is open. */
  get handlePath(): string {
    return this.#at;
  }

  get #at(): string {
    return `${this.#parent.path}/${this.#name}`;
  }
}

function tooLong(error: unknown, path: string): Error | undefined {
  if (!isErrno(error, 'ENAMETOOLONG')) return undefined;
  return grpcError('INVALID_ARGUMENT', `${path}: one of its names has more bytes than a filesystem takes, 255`);
}
