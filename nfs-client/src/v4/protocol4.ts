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
import type { UnixIdentity } from '../rpc/credentials.ts';
import { attribute } from './attribute-numbers.ts';
import * as change from './change-operations.ts';
import { File4 } from './file4.ts';
import { close, type OpenHow, open } from './open-operations.ts';
import { newOpenOwner, OpenState4 } from './open-state.ts';
import type { Compounds } from './session4.ts';
import { anonymousStateid } from './stateid.ts';
import * as tree from './tree-operations.ts';

export interface Protocol4Options {
  readonly session: Compounds;
  readonly version: 4.1 | 4.2;
  readonly root: NfsHandle;
  readonly limits: NfsLimits;
  readonly rng: Rng;
  /** Gives the session back and ends the connection. */
  readonly close: () => Promise<void>;
  readonly giveBack: (data: Uint8Array) => void;
}

/** A page of a directory: some hundred entries with their attributes. */
const pageBytes = 64 * 1024;
const verifierBytes = 8;

const spaceAttributes = [
  ...[attribute.filesAvailable, attribute.filesFree, attribute.filesTotal],
  ...[attribute.spaceAvailable, attribute.spaceFree, attribute.spaceTotal],
];

/** NFSv4.1 and 4.2 as an {@link NfsProtocol}. */
export class Protocol4 implements NfsProtocol {
  readonly version: 4.1 | 4.2;
  readonly root: NfsHandle;
  readonly limits: NfsLimits;
  readonly #session: Compounds;
  readonly #rng: Rng;
  readonly #options: Protocol4Options;

  constructor(options: Protocol4Options) {
    this.version = options.version;
    this.root = options.root;
    this.limits = options.limits;
    this.#session = options.session;
    this.#rng = options.rng;
    this.#options = options;
  }

  async lookup({ dir, name }: NameAt, signal: AbortSignal): Promise<NfsNode> {
    const operations = [tree.putFh(dir), tree.lookup(name), tree.getFh, tree.getattr()] as const;
    const [, , handle, attributes] = await this.#session.run(operations, signal);
    return { handle, attributes: attributes.toStat() };
  }

  async getattr(handle: NfsHandle, signal: AbortSignal): Promise<NfsAttributes> {
    const [, attributes] = await this.#session.run([tree.putFh(handle), tree.getattr()] as const, signal);
    return attributes.toStat();
  }

  async setattr(handle: NfsHandle, changes: NfsChanges, signal: AbortSignal): Promise<void> {
    await this.#session.run([tree.putFh(handle), change.setattr(anonymousStateid, changes)], signal);
  }

  async access(handle: NfsHandle, rights: number, signal: AbortSignal): Promise<number> {
    const [, granted] = await this.#session.run([tree.putFh(handle), tree.access(rights)] as const, signal);
    return granted;
  }

  async readdir(dir: NfsHandle, cursor: DirectoryCursor | undefined, signal: AbortSignal): Promise<DirectoryPage> {
    const [, page] = await this.#session.run([tree.putFh(dir), tree.readdir(cursor, pageBytes)] as const, signal);
    return page;
  }

  async readlink(handle: NfsHandle, signal: AbortSignal): Promise<string> {
    const [, target] = await this.#session.run([tree.putFh(handle), tree.readlink] as const, signal);
    return decodeBytes(target);
  }

  async statfs(handle: NfsHandle, signal: AbortSignal): Promise<NfsStatFs> {
    const [, known] = await this.#session.run([tree.putFh(handle), tree.getattr(spaceAttributes)] as const, signal);
    const get = (which: number) => known.number(which) ?? 0;
    return {
      bytes: {
        total: get(attribute.spaceTotal),
        free: get(attribute.spaceFree),
        available: get(attribute.spaceAvailable),
      },
      files: {
        total: get(attribute.filesTotal),
        free: get(attribute.filesFree),
        available: get(attribute.filesAvailable),
      },
    };
  }

  mkdir(at: NameAt, changes: NfsChanges, signal: AbortSignal): Promise<NfsNode> {
    return this.#create(at, { what: { type: 'directory' }, changes }, signal);
  }

  symlink(at: NameAt, target: string, signal: AbortSignal): Promise<NfsNode> {
    return this.#create(at, { what: { type: 'symlink', target }, changes: {} }, signal);
  }

  mknod(at: NameAt, what: SpecialFile & { readonly changes: NfsChanges }, signal: AbortSignal): Promise<NfsNode> {
    return this.#create(at, { what, changes: what.changes }, signal);
  }

  async link(handle: NfsHandle, { dir, name }: NameAt, signal: AbortSignal): Promise<void> {
    await this.#session.run([tree.putFh(handle), tree.saveFh, tree.putFh(dir), change.link(name)], signal);
  }

  async remove(at: NameAt, signal: AbortSignal): Promise<void> {
    await this.#remove(at, { check: change.verifyNoDirectory, refusal: 'ISDIR' }, signal);
  }

  async rmdir(at: NameAt, signal: AbortSignal): Promise<void> {
    await this.#remove(at, { check: change.verifyDirectory, refusal: 'NOTDIR' }, signal);
  }

  async rename(from: NameAt, to: NameAt, signal: AbortSignal): Promise<void> {
    const directories = [tree.putFh(from.dir), tree.saveFh, tree.putFh(to.dir)];
    await this.#session.run([...directories, change.rename(from.name, to.name)], signal);
  }

  async open(at: NameAt, options: OpenOptions, signal: AbortSignal): Promise<NfsFile> {
    const { access } = options;
    const where = { dir: at.dir, name: at.name, how: this.#openHow(options) };
    const file = await this.#open(where, access, signal);
    const { sizeBytes } = options.changes ?? {};
    try {
      // Servers heed a size only when they make or empty a file in the open itself.
      if (sizeBytes !== undefined && file.attributes.sizeBytes !== sizeBytes) await file.setattr({ sizeBytes }, signal);
      return file;
    } catch (error) {
      await file.close(new AbortController().signal).catch(() => undefined);
      throw error;
    }
  }

  async openHandle(handle: NfsHandle, access: OpenOptions['access'], signal: AbortSignal): Promise<NfsFile> {
    return await this.#open({ dir: handle, how: { mode: 'existing' } }, access, signal);
  }

  giveBack(data: Uint8Array): void {
    this.#options.giveBack(data);
  }

  as(identity: UnixIdentity): NfsProtocol {
    const session = this.#session.home.as(identity);
    return new Protocol4({ ...this.#options, session, close: async () => undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#options.close();
  }

  async #open(
    { dir, name, how }: { readonly dir: NfsHandle; readonly name?: string; readonly how: OpenHow },
    access: OpenOptions['access'],
    signal: AbortSignal,
  ): Promise<File4> {
    const session = this.#session;
    const { clientId } = await session.live(signal);
    const what = { clientId, owner: newOpenOwner(this.#rng), access, how, ...(name === undefined ? {} : { name }) };
    const operations = [tree.putFh(dir), open(what), tree.getFh, tree.getattr()] as const;
    const [, stateid, handle, attributes] = await session.run(operations, signal, ([, late, lateHandle]) => {
      // The caller gave up waiting; the open must not stay behind.
      void session.run([tree.putFh(lateHandle), close(late)], new AbortController().signal).catch(() => undefined);
    });
    const state = new OpenState4({ session, rng: this.#rng, handle, stateid, access });
    const file = new File4(state, attributes.toStat(), { isExtended: this.version === 4.2 });
    if (file.attributes.type === 'file') return file;
    await file.close(new AbortController().signal).catch(() => undefined);
    throw notAFile(name ?? 'by handle', file.attributes.type);
  }

  #openHow({ create = 'never', changes = {} }: OpenOptions): OpenHow {
    if (create === 'never') return { mode: 'existing' };
    if (create === 'ifAbsent') return { mode: 'unchecked', changes };
    const { sizeBytes: _, ...others } = changes;
    const verifier = Buffer.from(this.#rng.uuid().replaceAll('-', ''), 'hex').subarray(0, verifierBytes);
    return { mode: 'exclusive', verifier, changes: others };
  }

  async #create(
    { dir, name }: NameAt,
    { what, changes }: { readonly what: change.CreateWhat; readonly changes: NfsChanges },
    signal: AbortSignal,
  ): Promise<NfsNode> {
    const operations = [tree.putFh(dir), change.create(what, name, changes), tree.getFh, tree.getattr()] as const;
    const [, , handle, attributes] = await this.#session.run(operations, signal);
    return { handle, attributes: attributes.toStat() };
  }

  /** REMOVE takes files and directories alike, so the type is looked at in the same compound. */
  async #remove(
    { dir, name }: NameAt,
    { check, refusal }: { readonly check: typeof change.verifyDirectory; readonly refusal: 'ISDIR' | 'NOTDIR' },
    signal: AbortSignal,
  ): Promise<void> {
    const look = [tree.putFh(dir), tree.saveFh, tree.lookup(name), check, tree.restoreFh];
    try {
      await goneIsFineWhenResent(this.#session.run([...look, change.remove(name)], signal));
    } catch (error) {
      if (!isNfsError(error, 'SAME', 'NOT_SAME')) throw error;
      throw new NfsError(refusal, `remove ${JSON.stringify(name)}: the server answers NFS4ERR_${refusal}`, {
        cause: error,
      });
    }
  }
}
