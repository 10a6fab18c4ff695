import { splitPath } from '../names/file-name.ts';
import { isNfsError, NfsError } from '../nfs-error.ts';
import type { NfsAttributes, NfsChanges, NfsStatFs } from '../protocol/nfs-attributes.ts';
import type { ByteRange, NfsFile, OpenOptions } from '../protocol/nfs-file.ts';
import type { DirectoryCursor, DirectoryPage, NfsProtocol, NfsVersion } from '../protocol/nfs-protocol.ts';
import { FileCopier } from './copy-file.ts';
import { copyTree } from './copy-tree.ts';
import { dataRanges } from './data-ranges.ts';
import { nodeOf, readPage } from './directory-pages.ts';
import { diskUsage } from './disk-usage.ts';
import type {
  CopyOptions,
  CopyResult,
  DiskUsage,
  NfsClient,
  NfsEntry,
  ReadOptions,
  TreeCopyResult,
  WriteOptions,
} from './nfs-client.ts';
import { readStream } from './read-stream.ts';
import { removeTree } from './remove-tree.ts';
import { resolveParent, resolvePath } from './resolve-path.ts';
import { WriteMemory } from './write-memory.ts';
import { writeStream } from './write-stream.ts';

/** {@link NfsClient} over any version of the protocol. */
export class MountedNfs implements NfsClient {
  readonly protocol: NfsProtocol;
  readonly #copier: FileCopier;
  readonly #memory = new WriteMemory();

  constructor(protocol: NfsProtocol) {
    this.protocol = protocol;
    this.#copier = new FileCopier(protocol, this.#memory);
  }

  get version(): NfsVersion {
    return this.protocol.version;
  }

  async stat(path: string, signal: AbortSignal): Promise<NfsAttributes> {
    return (await resolvePath(this.protocol, path, signal)).attributes;
  }

  async setattr(path: string, changes: NfsChanges, signal: AbortSignal): Promise<void> {
    const { handle, attributes } = await resolvePath(this.protocol, path, signal);
    // A server applies some of these to what the link leads to.
    if (attributes.type === 'symlink') throw new NfsError('SYMLINK', `change ${JSON.stringify(path)}: it is a symlink`);
    await this.protocol.setattr(handle, changes, signal);
  }

  async statfs(path: string, signal: AbortSignal): Promise<NfsStatFs> {
    return await this.protocol.statfs((await resolvePath(this.protocol, path, signal)).handle, signal);
  }

  async *readdir(path: string, signal: AbortSignal): AsyncGenerator<NfsEntry> {
    const { handle: dir } = await resolvePath(this.protocol, path, signal);
    let cursor: DirectoryCursor | undefined;
    while (true) {
      const page = await readPage(this.protocol, { dir, cursor }, signal);
      for (const entry of page.entries) {
        const node = await nodeOf(this.protocol, { dir, entry }, signal);
        if (node) yield { name: entry.name, attributes: node.attributes };
      }
      if (page.end) return;
      cursor = page.next;
    }
  }

  async readdirPage(path: string, cursor: DirectoryCursor | undefined, signal: AbortSignal): Promise<DirectoryPage> {
    const { handle: dir } = await resolvePath(this.protocol, path, signal);
    return await readPage(this.protocol, { dir, cursor }, signal);
  }

  async mkdir(
    path: string,
    options: { readonly mode?: number; readonly recursive?: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const changes = { mode: options.mode ?? 0o755 };
    if (options.recursive) return await this.#mkdirAll(splitPath(path), changes, signal);
    await this.protocol.mkdir(await resolveParent(this.protocol, path, signal), changes, signal);
  }

  async rmdir(path: string, signal: AbortSignal): Promise<void> {
    await this.protocol.rmdir(await resolveParent(this.protocol, path, signal), signal);
  }

  async remove(path: string, signal: AbortSignal): Promise<void> {
    await this.protocol.remove(await resolveParent(this.protocol, path, signal), signal);
  }

  async rename(from: string, to: string, signal: AbortSignal): Promise<void> {
    const source = await resolveParent(this.protocol, from, signal);
    await this.protocol.rename(source, await resolveParent(this.protocol, to, signal), signal);
  }

  async symlink(path: string, target: string, signal: AbortSignal): Promise<void> {
    await this.protocol.symlink(await resolveParent(this.protocol, path, signal), target, signal);
  }

  async readlink(path: string, signal: AbortSignal): Promise<string> {
    const { handle, attributes } = await resolvePath(this.protocol, path, signal);
    if (attributes.type !== 'symlink')
      throw new NfsError('INVAL', `readlink ${JSON.stringify(path)}: it is a ${attributes.type}`);
    return await this.protocol.readlink(handle, signal);
  }

  async link(existing: string, path: string, signal: AbortSignal): Promise<void> {
    const { handle } = await resolvePath(this.protocol, existing, signal);
    await this.protocol.link(handle, await resolveParent(this.protocol, path, signal), signal);
  }

  async *read(path: string, options: ReadOptions, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const file = await this.#open(path, { access: 'read' }, signal);
    try {
      const { reuse = false, ...range } = options;
      const giveBack = reuse ? (data: Uint8Array) => this.protocol.giveBack(data) : undefined;
      yield* readStream(file, { ...range, giveBack, chunkBytes: this.protocol.limits.readBytes }, signal);
    } finally {
      await file.close(new AbortController().signal).catch(() => undefined);
    }
  }

  async write(
    path: string,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: WriteOptions & { readonly signal: AbortSignal },
  ): Promise<number> {
    const { offset = 0, mode = 0o644, create = 'ifAbsent', truncate = options.offset === undefined } = options;
    const { holes = false, signal } = options;
    const changes = truncate ? { mode, sizeBytes: 0 } : { mode };
    const file = await this.#open(path, { access: 'write', create, changes }, signal);
    try {
      const chunkBytes = this.protocol.limits.writeBytes;
      return await writeStream(file, source, { offset, chunkBytes, memory: this.#memory, signal, holes });
    } finally {
      await file.close(new AbortController().signal).catch(() => undefined);
    }
  }

  async copy(from: string, to: string, options: CopyOptions & { readonly signal: AbortSignal }): Promise<CopyResult> {
    const { overwrite = false, signal } = options;
    const source = await resolveParent(this.protocol, from, signal);
    const target = await resolveParent(this.protocol, to, signal);
    return await this.#copier.copy({ from: source, to: target, overwrite }, signal);
  }

  async copyTree(from: string, to: string, signal: AbortSignal): Promise<TreeCopyResult> {
    const at = await resolveParent(this.protocol, from, signal);
    const node = await this.protocol.lookup(at, signal);
    if (node.attributes.type !== 'directory')
      throw new NfsError('NOTDIR', `copy tree ${JSON.stringify(from)}: it is a ${node.attributes.type}`);
    const inside = splitPath(from).every((name, index) => splitPath(to)[index] === name);
    if (inside) throw new NfsError('INVAL', `copy tree ${JSON.stringify(from)}: the target is inside it`);
    const target = await resolveParent(this.protocol, to, signal);
    return await copyTree(this.protocol, { top: { at, node }, to: target, copier: this.#copier }, signal);
  }

  async removeTree(path: string, signal: AbortSignal): Promise<void> {
    try {
      await removeTree(this.protocol, await resolveParent(this.protocol, path, signal), signal);
    } catch (error) {
      if (!isNfsError(error, 'NOENT')) throw error;
    }
  }

  async du(path: string, signal: AbortSignal): Promise<DiskUsage> {
    const node = await resolvePath(this.protocol, path, signal);
    return await diskUsage(this.protocol, { at: { dir: this.protocol.root, name: '' }, node }, signal);
  }

  async allocate(path: string, range: ByteRange, signal: AbortSignal): Promise<void> {
    const file = await this.#open(path, { access: 'write' }, signal);
    try {
      if (!file.extended) throw new NfsError('NOTSUPP', `allocate ${JSON.stringify(path)}: needs NFSv4.2`);
      await file.extended.allocate(range, signal);
    } finally {
      await file.close(new AbortController().signal).catch(() => undefined);
    }
  }

  async *dataRanges(path: string, signal: AbortSignal): AsyncGenerator<ByteRange> {
    const file = await this.#open(path, { access: 'read' }, signal);
    try {
      yield* dataRanges(file, signal);
    } finally {
      await file.close(new AbortController().signal).catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.protocol[Symbol.asyncDispose]();
  }

  async #open(path: string, options: OpenOptions, signal: AbortSignal): Promise<NfsFile> {
    return await this.protocol.open(await resolveParent(this.protocol, path, signal), options, signal);
  }

  async #mkdirAll(names: readonly string[], changes: NfsChanges, signal: AbortSignal): Promise<void> {
    let dir = this.protocol.root;
    for (const name of names) {
      const at = { dir, name };
      const node = await this.protocol.lookup(at, signal).catch(async (error: unknown) => {
        if (!isNfsError(error, 'NOENT')) throw error;
        return await this.protocol.mkdir(at, changes, signal).catch((reason: unknown) => {
          if (!isNfsError(reason, 'EXIST')) throw reason;
          return this.protocol.lookup(at, signal);
        });
      });
      if (node.attributes.type !== 'directory')
        throw new NfsError('NOTDIR', `make directory ${JSON.stringify(name)}: a ${node.attributes.type} is in the way`);
      dir = node.handle;
    }
  }
}
