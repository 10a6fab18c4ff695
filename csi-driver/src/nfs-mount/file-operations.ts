import { constants } from 'node:fs';
import {
  type Caller,
  type Entry,
  type FileRead,
  type FileWrite,
  FuseError,
  type FuseFiles,
  type FuseRanges,
  type NodeAt,
  type NodeId,
  type Opened,
  type OpenFile,
} from '@berth/fuse';
import { isNfsError, type NfsAttributes, type NfsExtendedFile, type NfsFile } from '@berth/nfs-client';
import type { OpenEntry, OpenFiles } from './open-files.ts';
import { readRange } from './read-range.ts';
import type { Share } from './share.ts';
import type { ShareNode } from './share-node.ts';

const { O_WRONLY, O_RDWR, O_TRUNC, O_EXCL, O_APPEND, O_DSYNC, O_DIRECT } = constants;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

/** Contents of files of a share. */
export class FileOperations implements FuseFiles, FuseRanges {
  readonly #share: Share;
  readonly #files: OpenFiles;

  constructor(share: Share, files: OpenFiles) {
    this.#share = share;
    this.#files = files;
  }

  /** Close-to-open: what is cached is believed again only if the server's file is as it was when last looked at. */
  async open(
    { node: id, flags }: { readonly node: NodeId; readonly flags: number },
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Opened> {
    const node = this.#share.node(id);
    await node.unstable.drain(signal);
    const file = await this.#share.as(caller, signal, async (nfs) => {
      const opened = await nfs.openHandle(node.handle, accessOf(flags), signal);
      if (!(flags & O_TRUNC)) return opened;
      this.#share.changed(node);
      await emptied(opened, () => this.#files.settle(node, signal), signal);
      return opened;
    });
    // What was written and then refused is still in the page cache.
    const keepCache = isSame(node.seen, file.attributes) && !(flags & O_TRUNC) && !node.isDistrusted;
    node.isDistrusted = false;
    if (!keepCache) this.#share.options.kernel.forgetAttributes(node.id);
    this.#share.attributes(node, file.attributes);
    return this.#opened(node, file, { flags, keepCache });
  }

  async create(
    what: NodeAt & { readonly flags: number; readonly mode: number },
    caller: Caller,
    signal: AbortSignal,
  ): Promise<{ readonly entry: Entry; readonly opened: Opened }> {
    const { flags, mode } = what;
    const parent = this.#share.node(what.parent);
    const at = { dir: parent.handle, name: this.#share.name(what.name) };
    const changes = flags & O_TRUNC ? { mode, sizeBytes: 0 } : { mode };
    const create = flags & O_EXCL ? 'exclusive' : 'ifAbsent';
    const open = () =>
      this.#share
        .as(caller, signal, (nfs) => nfs.open(at, { access: accessOf(flags), create, changes }, signal))
        .finally(() => this.#share.changed(parent));
    let file: NfsFile | undefined;
    const found = await this.#share.settled(caller, signal, async () => {
      file = await open();
      return { handle: file.handle, attributes: file.attributes };
    });
    const entry = this.#share.entry(found);
    const opened = this.#opened(this.#share.node(entry.node), file as NfsFile, { flags, keepCache: false });
    return { entry, opened };
  }

  async read({ id, offset, size }: FileRead, signal: AbortSignal): Promise<Uint8Array> {
    const { file, node } = this.#files.get(id);
    await node.unstable.drain(signal, { offset, length: size });
    const chunkBytes = Math.min(this.#share.options.nfs.limits.readBytes, this.#share.options.tuning.maxReadBytes);
    return await this.#share.run(signal, () => readRange(file, { offset, size, chunkBytes }, signal));
  }

  sent(data: Uint8Array): void {
    this.#share.options.nfs.giveBack(data);
  }

  /** As with any disk, most writes are answered before they are done, and what becomes of them is told by the next call. */
  async write(what: FileWrite, signal: AbortSignal): Promise<number> {
    const open = this.#files.get(what.id);
    const { node, writer, written } = open;
    const { offset, data, flags } = what;
    await this.#share.run(signal, async () => {
      this.#files.throwFailure(open);
      this.#share.changed(node);
      const isAtEnd = open.isAppending && !what.isFromCache;
      if (isAtEnd) await node.unstable.write(writer, { offset: await this.#end(open, what, signal), data }, signal);
      else if (flags & (O_DSYNC | O_DIRECT)) await node.unstable.write(writer, { offset, data }, signal);
      else await node.unstable.accept(writer, { offset, data }, signal);
      if (flags & O_DSYNC) await node.unstable.commit(written, signal);
      else await this.#files.bound(open, signal);
    });
    return data.length;
  }

  async sync({ id }: OpenFile, _why: 'close' | 'all' | 'data', signal: AbortSignal): Promise<void> {
    const open = this.#files.get(id);
    await this.#share.run(signal, async () => {
      await open.node.unstable.commit(open.written, signal);
      this.#files.throwFailure(open);
    });
  }

  async release(open: OpenFile): Promise<void> {
    await this.#files.release(open);
  }

  async allocate(
    what: OpenFile & { readonly mode: number; readonly offset: number; readonly length: number },
    signal: AbortSignal,
  ): Promise<void> {
    const { node, file } = this.#files.get(what.id);
    const punches = what.mode === (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
    if (what.mode !== 0 && !punches) throw new FuseError('EOPNOTSUPP', `fallocate with mode ${what.mode}`);
    const { offset, length } = what;
    await this.#files.settle(node, signal);
    await this.#onExtended(file, { unless: 'EOPNOTSUPP', signal }, async (extended) => {
      if (punches) await extended.deallocate({ offset, length }, signal);
      else await extended.allocate({ offset, length }, signal);
    });
    this.#share.changed(node);
  }

  async seek(
    { id, offset, to }: OpenFile & { readonly offset: number; readonly to: 'data' | 'hole' },
    signal: AbortSignal,
  ): Promise<number> {
    const { file } = this.#files.get(id);
    const found = await this.#onExtended(file, { unless: 'ENOSYS', signal }, (extended) =>
      extended.seek(offset, to, signal),
    );
    if (found.end && to === 'data') throw new FuseError('ENXIO', 'no data behind');
    return found.offset;
  }

  async copy(
    what: {
      readonly from: OpenFile & { readonly offset: number };
      readonly to: OpenFile & { readonly offset: number };
      readonly length: number;
    },
    signal: AbortSignal,
  ): Promise<number> {
    const source = this.#files.get(what.from.id);
    const target = this.#files.get(what.to.id);
    await this.#files.settle(source.node, signal);
    await this.#files.settle(target.node, signal);
    const range = { sourceOffset: what.from.offset, offset: what.to.offset, length: what.length };
    const copied = await this.#onExtended(target.file, { unless: 'ENOSYS', signal }, async (extended) => {
      const { bytes } = await extended.copy(source.file, range, signal);
      await target.file.commit(signal);
      return bytes;
    });
    this.#share.changed(target.node);
    return copied;
  }

  /** Where O_APPEND writes to: the server's end of the file, not what the kernel remembers of it. */
  async #end({ node, file }: OpenEntry, { offset }: FileWrite, signal: AbortSignal): Promise<number> {
    await node.unstable.drain(signal);
    const { sizeBytes } = await this.#share.options.nfs.getattr(file.handle, signal);
    if (sizeBytes !== offset) this.#share.options.kernel.forgetAttributes(node.id);
    return sizeBytes;
  }

  #opened(node: ShareNode, file: NfsFile, how: { readonly flags: number; readonly keepCache: boolean }): Opened {
    const id = this.#files.add(node, file, how.flags);
    // Past the page cache, which would have put the data where the kernel thinks that the file ends.
    const direct = accessOf(how.flags) !== 'read' && (how.flags & O_APPEND) !== 0;
    return { id, keepCache: how.keepCache, direct };
  }

  async #onExtended<T>(
    { extended }: NfsFile,
    { unless, signal }: { readonly unless: 'ENOSYS' | 'EOPNOTSUPP'; readonly signal: AbortSignal },
    run: (extended: NfsExtendedFile) => Promise<T>,
  ): Promise<T> {
    if (!extended) throw new FuseError(unless, 'needs NFSv4.2');
    return await this.#share.run(signal, async () => {
      try {
        return await run(extended);
      } catch (error) {
        if (isNfsError(error, 'NOTSUPP')) throw new FuseError(unless, error.message, { cause: error });
        throw error;
      }
    });
  }
}

function accessOf(flags: number): 'read' | 'write' | 'both' {
  if (flags & O_RDWR) return 'both';
  return flags & O_WRONLY ? 'write' : 'read';
}

function isSame(before: NfsAttributes, now: NfsAttributes): boolean {
  return before.modifiedNs === now.modifiedNs && before.sizeBytes === now.sizeBytes;
}

async function emptied(file: NfsFile, settle: () => Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    await settle();
    await file.setattr({ sizeBytes: 0 }, signal);
  } catch (error) {
    await file.close(signal).catch(() => undefined);
    throw error;
  }
}
