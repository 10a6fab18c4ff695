import type { Caller, DirectorySink } from '@berth/fuse';
import { FuseError } from '@berth/fuse';
import { type DirectoryPage, encodeBytes, type NfsDirectoryEntry } from '@berth/nfs-client';
import type { Share } from './share.ts';
import { type ShareNode, typeBitsOf } from './share-node.ts';

/** `.` and `..`, which servers list or not. */
const dots = ['.', '..'] as const;

interface HeldPage {
  /** Number of the first entry, from the directory's beginning. */
  readonly first: number;
  readonly page: DirectoryPage;
  /** The share's count of changes when the page was asked for. */
  readonly askedAt: number;
}

/**
 * An open directory. Programs go by places counted from 1, since a server's cookies may be any 64 bits;
 * each place's cookie is kept, so that a program may go back to any.
 */
export class DirectoryReader {
  readonly #share: Share;
  readonly #node: ShareNode;
  readonly #caller: Caller;
  readonly #cookies: bigint[] = [];
  #verifier: Uint8Array = new Uint8Array(8);
  #held: HeldPage | undefined;

  constructor(share: Share, node: ShareNode, caller: Caller) {
    this.#share = share;
    this.#node = node;
    this.#caller = caller;
  }

  async read(offset: number, sink: DirectorySink, signal: AbortSignal): Promise<void> {
    // From the beginning is anew, as rewinddir(3) has it.
    if (offset === 0) this.#rewind();
    for (let place = offset; place < dots.length; place++) {
      const name = Buffer.from(dots[place] ?? '');
      if (!sink.add({ name, inode: this.#node.fileId, type: typeBitsOf('directory'), offset: place + 1 })) return;
    }
    let index = Math.max(0, offset - dots.length);
    while (true) {
      const held = await this.#pageWith(index, signal);
      const entries = held.page.entries.slice(index - held.first);
      for (const entry of entries) {
        if (!this.#add(entry, { index, held, sink })) return;
        index += 1;
      }
      if (held.page.end) return;
    }
  }

  #rewind(): void {
    this.#cookies.length = 0;
    this.#held = undefined;
  }

  async #pageWith(index: number, signal: AbortSignal): Promise<HeldPage> {
    const held = this.#held;
    const isEnd = held?.page.end && index === held.first + held.page.entries.length;
    if (held && index >= held.first && (isEnd || index < held.first + held.page.entries.length)) return held;
    const askedAt = this.#share.changes;
    const cookie = index === 0 ? undefined : this.#cookies[index - 1];
    if (index > 0 && cookie === undefined) throw new FuseError('EINVAL', `the directory has no place ${index}`);
    const cursor = cookie === undefined ? undefined : { cookie, verifier: this.#verifier };
    const page = await this.#share.as(this.#caller, signal, (nfs) => nfs.readdir(this.#node.handle, cursor, signal));
    this.#verifier = page.next.verifier;
    this.#cookies.length = index;
    for (const entry of page.entries) this.#cookies.push(entry.cookie);
    this.#held = { first: index, page, askedAt };
    return this.#held;
  }

  #add(
    listed: NfsDirectoryEntry,
    { index, held, sink }: { readonly index: number; readonly held: HeldPage; readonly sink: DirectorySink },
  ): boolean {
    const name = encodeBytes(listed.name);
    if (!name) throw new FuseError('EIO', 'a name that is no bytes');
    const type = listed.attributes ? typeBitsOf(listed.attributes.type) : 0;
    const fields = { name, inode: listed.fileId, type, offset: dots.length + index + 1 };
    const entry = sink.wantsEntries ? this.#entry(listed, held.askedAt) : undefined;
    const isTaken = sink.add(entry ? { ...fields, entry } : fields);
    if (!isTaken && entry) this.#share.forget(entry.node, 1);
    return isTaken;
  }

  /** What a lookup would say, unless this side has changed something since the server was asked. */
  #entry({ handle, attributes }: NfsDirectoryEntry, askedAt: number) {
    if (!handle || !attributes || this.#node.lastChange > askedAt) return undefined;
    const found = { handle, attributes };
    const known = this.#share.find(found);
    if (known && (known.lastChange > askedAt || known.unstable.isPending)) return undefined;
    return this.#share.entry(found);
  }
}
