import { constants } from 'node:fs';
import { type Caller, FuseError, type OpenFile, type OpenId } from '@berth/fuse';
import { abortable } from '@berth/kit';
import type { NfsFile } from '@berth/nfs-client';
import type { Share } from './share.ts';
import type { ShareNode } from './share-node.ts';
import { SillyRename } from './silly-rename.ts';
import type { Writer, WrittenFile } from './unstable-writes.ts';

export interface OpenEntry {
  readonly node: ShareNode;
  /** As whoever opened it: reads and writes go on in that name, whoever has it by now. */
  readonly file: NfsFile;
  /** The same, past a session that the server gave up. */
  readonly written: WrittenFile;
  readonly writer: Writer;
  readonly isAppending: boolean;
  /** How many of the file's failures were told to who has it open. */
  toldFailures: number;
}

/** Who asks, and until when. */
export interface By {
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/** What a crashed server could make us send again, of one file and of all. */
const mostUnstable = { ofFile: 48 << 20, ofAll: 64 << 20 };
/** From this part on it is committed behind; the rest is for what comes while the server's disk takes its time. */
const commitFrom = { ofFile: mostUnstable.ofFile / 4, ofAll: mostUnstable.ofAll / 2 };

/** What the kernel has open, and what was written and is not committed. */
export class OpenFiles {
  readonly #share: Share;
  readonly #silly: SillyRename;
  readonly #open = new Map<OpenId, OpenEntry>();
  readonly #closing = new Set<Promise<void>>();
  readonly #life = new AbortController();
  #last: OpenId = 0;

  constructor(share: Share) {
    this.#share = share;
    this.#silly = new SillyRename(share);
  }

  add(node: ShareNode, file: NfsFile, flags: number): OpenId {
    const accessMode = flags & (constants.O_WRONLY | constants.O_RDWR);
    this.#last += 1;
    const isAppending = accessMode !== 0 && (flags & constants.O_APPEND) !== 0;
    this.#open.set(this.#last, {
      node,
      file,
      isAppending,
      ...this.#writing(file),
      toldFailures: node.unstable.failures,
    });
    node.opens += 1;
    this.#share.openFiles += 1;
    return this.#last;
  }

  /** @throws FuseError EBADF */
  get(id: OpenId): OpenEntry {
    const open = this.#open.get(id);
    if (!open) throw new FuseError('EBADF', `open file ${id} is not known`);
    return open;
  }

  /** Keeps what may be lost within bounds: commits behind long before; a write that goes beyond waits for that. */
  async bound({ node, written }: OpenEntry, signal: AbortSignal): Promise<void> {
    let all = 0;
    for (const { node: each } of this.#open.values()) all += each.unstable.bytes / each.opens;
    const isBeyond = (limit: typeof mostUnstable) => node.unstable.bytes > limit.ofFile || all > limit.ofAll;
    if (!isBeyond(commitFrom)) return;
    const committed = node.unstable.commitBehind(written, this.#life.signal);
    if (isBeyond(mostUnstable)) await abortable(committed, signal);
  }

  /** Tells who has the file open, once, that what was taken on trust came to nothing. */
  throwFailure(open: OpenEntry): void {
    const { failures, lastFailure } = open.node.unstable;
    if (failures === open.toldFailures) return;
    open.toldFailures = failures;
    throw lastFailure;
  }

  async resize(
    node: ShareNode,
    { sizeBytes, open }: { readonly sizeBytes: number; readonly open: OpenId | undefined },
    { caller, signal }: By,
  ): Promise<void> {
    await this.settle(node, signal);
    const entry = open === undefined ? undefined : this.#open.get(open);
    if (entry && entry.node === node) await this.#share.run(signal, () => entry.file.setattr({ sizeBytes }, signal));
    else await this.#share.as(caller, signal, (nfs) => nfs.setattr(node.handle, { sizeBytes }, signal));
  }

  /** Commits what is written of a file, so that sending it again can't undo what comes next. */
  async settle(node: ShareNode, signal: AbortSignal): Promise<void> {
    if (node.unstable.bytes === 0) return;
    const open = this.#open.values().find((each) => each.node === node);
    if (open) await this.#share.run(signal, () => node.unstable.commit(open.written, signal));
  }

  /** Ends an open file; the last close of a removed one removes it for good. */
  async release({ id }: OpenFile): Promise<void> {
    const { signal } = this.#life;
    const open = this.#open.get(id);
    if (!open) return;
    const { node, written } = open;
    const isLast = node.opens === 1;
    try {
      // The server ends with the file what is under way.
      await node.unstable.drain(signal).catch(() => undefined);
      if (isLast && node.unstable.bytes > 0 && node.silly.length === 0)
        await node.unstable.commit(written, signal).catch((error: unknown) => this.#lost(node, error));
      if (node.unstable.failures > open.toldFailures) this.#lost(node, node.unstable.lastFailure);
    } finally {
      this.#open.delete(id);
      node.opens -= 1;
      this.#share.openFiles -= 1;
    }
    const closing = this.#close(open, signal).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
    await closing;
  }

  /** Ends whatever is open, and gives up on what is not done when the signal aborts. Never throws. */
  async releaseAll(signal: AbortSignal): Promise<void> {
    const all = [...this.#open].map(([id, { node }]) => this.release({ id, node: node.id }));
    await abortable(Promise.allSettled([...all, ...this.#closing]), signal).catch(() => undefined);
    this.#life.abort(signal.reason);
  }

  async #close({ node, file }: OpenEntry, signal: AbortSignal): Promise<void> {
    await file.close(signal).catch((error: unknown) => this.#share.options.log.debug('cannot close a file', { error }));
    if (node.opens === 0) await this.#silly.removeAll(node, signal);
    this.#share.dropUnused(node);
  }

  #writing(file: NfsFile): Pick<OpenEntry, 'written' | 'writer'> {
    const { nfs, tuning } = this.#share.options;
    const written: WrittenFile = {
      write: (what, signal) => this.#share.run(signal, () => file.write(what, signal)),
      commit: (signal) => this.#share.run(signal, () => file.commit(signal)),
    };
    const chunkBytes = Math.min(nfs.limits.writeBytes, tuning.maxWriteBytes);
    return { written, writer: { chunkBytes, send: (what) => written.write(what, this.#life.signal) } };
  }

  #lost(node: ShareNode, error: unknown): void {
    this.#share.options.log.error('what was written may be lost', { fileId: node.fileId.toString(), error });
  }
}
