import { Buffer } from 'node:buffer';
import type { Rng } from '@berth/kit';
import { decodeBytes } from '../names/byte-string.ts';
import { isNfsError, NfsError } from '../nfs-error.ts';
import { goneIsFineWhenResent } from '../protocol/gone-when-resent.ts';
import type { NfsAttributes, NfsChanges, NfsStatFs } from '../protocol/nfs-attributes.ts';
import type { NfsFile, OpenOptions } from '../protocol/nfs-file.ts';
import type { NfsHandle } from '../protocol/nfs-handle.ts';
import type {
  DirectoryCursor,
  DirectoryPage,
  NameAt,
  NfsLimits,
  NfsNode,
  NfsProtocol,
  SpecialFile,
} from '../protocol/nfs-protocol.ts';
import { notAFile } from '../protocol/not-a-file.ts';
import { authSys, type UnixIdentity } from '../rpc/credentials.ts';
import * as changes3 from './change-procedures.ts';
import { File3 } from './file3.ts';
import type { Nfs3Client } from './nfs3-client.ts';
import * as tree3 from './tree-procedures.ts';
import { verifierBytes } from './wire3.ts';

export interface Protocol3Options {
  readonly client: Nfs3Client;
  readonly root: NfsHandle;
  readonly limits: NfsLimits;
  readonly rng: Rng;
  /** Tells the server and ends the connection. */
  readonly close: () => Promise<void>;
  readonly giveBack: (data: Uint8Array) => void;
}

/** A page of a directory: some hundred entries with their attributes. */
const pageBytes = 64 * 1024;
/** ACCESS3_READ, and ACCESS3_MODIFY with ACCESS3_EXTEND. */
const neededRights = { read: 1, write: 4 | 8, both: 1 | 4 | 8 } as const;
const firstCursor: DirectoryCursor = { cookie: 0n, verifier: Buffer.alloc(verifierBytes) };

/** NFSv3 as an {@link NfsProtocol}. */
export class Protocol3 implements NfsProtocol {
  readonly version = 3;
  readonly root: NfsHandle;
  readonly limits: NfsLimits;
  readonly #options: Protocol3Options;
  readonly #client: Nfs3Client;
  readonly #rng: Rng;
  #plus = true;

  constructor(options: Protocol3Options) {
    const { client, root, limits, rng } = options;
    this.#options = options;
    this.#client = client;
    this.root = root;
    this.limits = limits;
    this.#rng = rng;
  }

  async lookup(at: NameAt, signal: AbortSignal): Promise<NfsNode> {
    return this.#complete(await this.#client.call(tree3.lookup, at, signal), at, signal);
  }

  getattr(handle: NfsHandle, signal: AbortSignal): Promise<NfsAttributes> {
    return this.#client.call(tree3.getattr, { handle }, signal);
  }

  async setattr(handle: NfsHandle, changes: NfsChanges, signal: AbortSignal): Promise<void> {
    await this.#client.call(tree3.setattr, { handle, changes }, signal);
  }

  access(handle: NfsHandle, rights: number, signal: AbortSignal): Promise<number> {
    return this.#client.call(tree3.access, { handle, rights }, signal);
  }

  async readdir(dir: NfsHandle, cursor: DirectoryCursor | undefined, signal: AbortSignal): Promise<DirectoryPage> {
    const args = { dir, cursor: cursor ?? firstCursor, bytes: pageBytes };
    if (this.#plus) {
      try {
        return await this.#client.call(tree3.readdirplus, args, signal);
      } catch (error) {
        if (!isNfsError(error, 'NOTSUPP', 'PROC_UNAVAIL')) throw error;
        this.#plus = false;
      }
    }
    return this.#client.call(tree3.readdir, args, signal);
  }

  async readlink(handle: NfsHandle, signal: AbortSignal): Promise<string> {
    return decodeBytes(await this.#client.call(tree3.readlink, { handle }, signal));
  }

  statfs(handle: NfsHandle, signal: AbortSignal): Promise<NfsStatFs> {
    return this.#client.call(tree3.fsstat, { handle }, signal);
  }

  async mkdir(at: NameAt, changes: NfsChanges, signal: AbortSignal): Promise<NfsNode> {
    return this.#complete(await this.#client.call(changes3.mkdir, { at, changes }, signal), at, signal);
  }

  async symlink(at: NameAt, target: string, signal: AbortSignal): Promise<NfsNode> {
    return this.#complete(await this.#client.call(changes3.symlink, { at, target }, signal), at, signal);
  }

  async mknod(at: NameAt, what: SpecialFile & { readonly changes: NfsChanges }, signal: AbortSignal): Promise<NfsNode> {
    return this.#complete(await this.#client.call(changes3.mknod, { at, what }, signal), at, signal);
  }

  link(handle: NfsHandle, at: NameAt, signal: AbortSignal): Promise<void> {
    return this.#client.call(changes3.link, { handle, at }, signal);
  }

  async remove(at: NameAt, signal: AbortSignal): Promise<void> {
    await goneIsFineWhenResent(this.#client.call(changes3.remove, at, signal));
  }

  async rmdir(at: NameAt, signal: AbortSignal): Promise<void> {
    await goneIsFineWhenResent(this.#client.call(changes3.rmdir, at, signal));
  }

  rename(from: NameAt, to: NameAt, signal: AbortSignal): Promise<void> {
    return this.#client.call(changes3.rename, { from, to }, signal);
  }

  async open(at: NameAt, options: OpenOptions, signal: AbortSignal): Promise<NfsFile> {
    const { create = 'never', changes = {} } = options;
    if (create === 'exclusive') return new File3(this.#client, await this.#createExclusive(at, changes, signal));
    const node = await (create === 'never'
      ? this.#openExisting(at, changes, signal)
      : this.#create(at, changes, signal));
    return new File3(this.#client, node);
  }

  /** NFSv3 has no open: what it would have said is asked. */
  async openHandle(handle: NfsHandle, access: OpenOptions['access'], signal: AbortSignal): Promise<NfsFile> {
    const wanted = neededRights[access];
    const [granted, attributes] = await Promise.all([
      this.access(handle, wanted, signal),
      this.getattr(handle, signal),
    ]);
    if (attributes.type !== 'file') throw notAFile('by handle', attributes.type);
    if ((granted & wanted) !== wanted) throw new NfsError('ACCESS', `open for ${access}: the server grants ${granted}`);
    return new File3(this.#client, { handle, attributes });
  }

  giveBack(data: Uint8Array): void {
    this.#options.giveBack(data);
  }

  as(identity: UnixIdentity): NfsProtocol {
    return new Protocol3({
      ...this.#options,
      client: this.#client.as(authSys(identity)),
      close: async () => undefined,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#options.close();
  }

  async #openExisting(at: NameAt, { sizeBytes }: NfsChanges, signal: AbortSignal): Promise<NfsNode> {
    const node = await this.lookup(at, signal);
    if (node.attributes.type !== 'file') throw notAFile(at.name, node.attributes.type);
    if (sizeBytes === undefined) return node;
    await this.setattr(node.handle, { sizeBytes }, signal);
    return { ...node, attributes: { ...node.attributes, sizeBytes } };
  }

  /** An UNCHECKED create of what exists may open through a symlink on some servers, so what is there is looked at first. */
  async #create(at: NameAt, changes: NfsChanges, signal: AbortSignal): Promise<NfsNode> {
    try {
      return await this.#openExisting(at, changes, signal);
    } catch (error) {
      if (!isNfsError(error, 'NOENT')) throw error;
    }
    try {
      const how = { mode: 'guarded', changes } as const;
      return await this.#complete(await this.#client.call(changes3.create, { at, how }, signal), at, signal);
    } catch (error) {
      if (!isNfsError(error, 'EXIST')) throw error;
    }
    return this.#openExisting(at, changes, signal);
  }

  /** The verifier tells the server a repeated call from another client's: it answers OK again to the same one. */
  async #createExclusive(at: NameAt, changes: NfsChanges, signal: AbortSignal): Promise<NfsNode> {
    const verifier = Buffer.from(this.#rng.uuid().replaceAll('-', ''), 'hex').subarray(0, verifierBytes);
    const made = await this.#client.call(changes3.create, { at, how: { mode: 'exclusive', verifier } }, signal);
    const { handle } = await this.#complete(made, at, signal);
    // The verifier may sit in the times until a SETATTR replaces them (RFC 1813 §3.3.8).
    await this.setattr(handle, { accessedNs: 'now', modifiedNs: 'now', ...changes }, signal);
    return { handle, attributes: await this.getattr(handle, signal) };
  }

  /** Servers may leave out handle or attributes; ask for what is missing. */
  async #complete(
    found: { readonly handle: NfsHandle | undefined; readonly attributes: NfsAttributes | undefined },
    at: NameAt,
    signal: AbortSignal,
  ): Promise<NfsNode> {
    if (!found.handle) return this.lookup(at, signal);
    return { handle: found.handle, attributes: found.attributes ?? (await this.getattr(found.handle, signal)) };
  }
}
