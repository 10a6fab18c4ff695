import { constants } from 'node:fs';
import { type Caller, FuseError, type OpenFile, type OpenId } from '@berth/fuse';
import { abortable } from '@berth/kit';
import type { NfsFile } from '@berth/nfs-client';
import type { Share } from './share.ts';
import type { ShareNode } from './share-node.ts';
import { SillyRename } from './silly-rename.ts';

export interface OpenEntry {
  readonly node: ShareNode;
  /** As whoever opened it: reads and writes go on in that name, whoever has it by now. */
  readonly file: NfsFile;
  readonly isAppending: boolean;
}

/** Who asks, and until when. */
export interface By {
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/** What a crashed server could make us send again, of one file and of all. */
const mostUnstable = { ofFile: 16 << 20, ofAll: 64 << 20 };

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
    this.#open.set(this.#last, { node, file, isAppending: accessMode !== 0 && (flags & constants.O_APPEND) !== 0 });
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

  /** Keeps what may be lost within bounds: the write that goes beyond waits for the server's disk. */
  async bound({ node, file }: OpenEntry, signal: AbortSignal): Promise<void> {
    let all = 0;
    for (const { node: each } of this.#open.values()) all += each.unstable.bytes / each.opens;
    if (node.unstable.bytes <= mostUnstable.ofFile && all <= mostUnstable.ofAll) return;
    await node.unstable.commit(file, signal);
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
    if (open) await this.#share.run(signal, () => node.unstable.commit(open.file, signal));
  }

  /** Ends an open file; the last close of a removed one removes it for good. */
  async release({ id }: OpenFile): Promise<void> {
    const { signal } = this.#life;
    const open = this.#open.get(id);
    if (!open) return;
    const { node, file } = open;
    const isLast = node.opens === 1;
    try {
      if (isLast && node.unstable.bytes > 0 && node.silly.length === 0)
        await node.unstable.commit(file, signal).catch((error: unknown) => this.#lost(node, error));
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

  #lost(node: ShareNode, error: unknown): void {
    this.#share.options.log.error('what was written may be lost', { fileId: node.fileId.toString(), error });
  }
}
