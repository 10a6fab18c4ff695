import { isNfsError } from '../nfs-error.ts';
import type { DirectoryCursor, NameAt, NfsDirectoryEntry, NfsNode, NfsProtocol } from '../protocol/nfs-protocol.ts';
import { nodeOf, readPage } from './directory-pages.ts';

export interface TreeEntry {
  readonly at: NameAt;
  readonly node: NfsNode;
}

/** What to do on a walk. `Place` is what a directory hands down to its entries. */
export interface TreeVisitor<Place> {
  /** A directory, before its entries. */
  enter(directory: TreeEntry, parent: Place): Promise<Place>;
  /** Anything else, and a directory of another filesystem when `isMount`. */
  leaf(entry: TreeEntry & { readonly isMount: boolean }, parent: Place): Promise<void>;
  /** A directory, after its entries. `again` lists it once more. */
  leave(directory: TreeEntry, place: Place, round: number): Promise<'done' | 'again'>;
  /** Directories may be listed from their beginning, as a server may demand (BAD_COOKIE), and may vanish meanwhile (STALE). */
  readonly isRemoval: boolean;
}

interface Frame<Place> {
  readonly entry: TreeEntry;
  readonly place: Place;
  readonly parent: Frame<Place> | undefined;
  cursor: DirectoryCursor | undefined;
  atEnd: boolean;
  open: number;
  round: number;
}

/** A server does some calls at a time; more only wait there. */
const concurrency = 16;

/**
 * Walks a tree by handles, depth first, some calls at a time, without following a symlink or leaving the filesystem of its root.
 * Memory grows with depth times the length of a page, not with the size of the tree.
 */
export async function walkTree<Place>(
  protocol: NfsProtocol,
  { top, place, visitor }: { readonly top: TreeEntry; readonly place: Place; readonly visitor: TreeVisitor<Place> },
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const walk = new Walk(protocol, visitor, AbortSignal.any([signal, stop.signal]));
  try {
    await walk.run(top, place);
  } finally {
    stop.abort();
    await walk.settled();
  }
}

class Walk<Place> {
  readonly #protocol: NfsProtocol;
  readonly #visitor: TreeVisitor<Place>;
  readonly #signal: AbortSignal;
  /** Last in, first out: the walk goes deep before it goes wide. */
  readonly #tasks: (() => Promise<void>)[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #end = Promise.withResolvers<void>();

  constructor(protocol: NfsProtocol, visitor: TreeVisitor<Place>, signal: AbortSignal) {
    this.#protocol = protocol;
    this.#visitor = visitor;
    this.#signal = signal;
  }

  async run(top: TreeEntry, place: Place): Promise<void> {
    this.#push(() => this.#enter(top, place, undefined));
    this.#pump();
    await this.#end.promise;
  }

  async settled(): Promise<void> {
    this.#tasks.length = 0;
    await Promise.allSettled(this.#running);
  }

  #push(task: () => Promise<void>): void {
    this.#tasks.push(task);
  }

  #pump(): void {
    while (this.#running.size < concurrency && this.#tasks.length > 0 && !this.#signal.aborted) {
      const running = (this.#tasks.pop() as () => Promise<void>)()
        .catch((error: unknown) => {
          this.#tasks.length = 0;
          this.#end.reject(error);
        })
        .finally(() => {
          this.#running.delete(running);
          this.#pump();
        });
      this.#running.add(running);
    }
    if (this.#running.size > 0) return;
    if (this.#signal.aborted) this.#end.reject(this.#signal.reason);
    else if (this.#tasks.length === 0) this.#end.resolve();
  }

  async #enter(entry: TreeEntry, parentPlace: Place, parent: Frame<Place> | undefined): Promise<void> {
    const place = await this.#visitor.enter(entry, parentPlace);
    const frame: Frame<Place> = { entry, place, parent, cursor: undefined, atEnd: false, open: 0, round: 1 };
    this.#push(() => this.#list(frame));
  }

  async #list(frame: Frame<Place>): Promise<void> {
    const dir = frame.entry.node.handle;
    try {
      const page = await readPage(this.#protocol, { dir, cursor: frame.cursor }, this.#signal);
      frame.cursor = page.next;
      frame.atEnd = page.end;
      frame.open = page.entries.length;
      for (const entry of page.entries) this.#push(() => this.#visit(frame, entry));
    } catch (error) {
      const isGone = isNfsError(error, 'STALE', 'NOENT');
      const isMoved = frame.cursor && isNfsError(error, 'BAD_COOKIE', 'NOT_SAME');
      if (!this.#visitor.isRemoval || !(isGone || isMoved)) throw error;
      frame.cursor = undefined;
      frame.atEnd = isGone;
    }
    if (frame.open === 0) this.#goOn(frame);
  }

  async #visit(frame: Frame<Place>, entry: NfsDirectoryEntry): Promise<void> {
    const dir = frame.entry.node.handle;
    const node = await nodeOf(this.#protocol, { dir, entry }, this.#signal);
    if (!node) return this.#closeOne(frame);
    const child = { at: { dir, name: entry.name }, node };
    const isMount = node.attributes.fsId !== frame.entry.node.attributes.fsId;
    if (node.attributes.type === 'directory' && !isMount) return await this.#enter(child, frame.place, frame);
    await this.#visitor.leaf({ ...child, isMount }, frame.place);
    this.#closeOne(frame);
  }

  #closeOne(frame: Frame<Place>): void {
    frame.open -= 1;
    if (frame.open === 0) this.#goOn(frame);
  }

  #goOn(frame: Frame<Place>): void {
    this.#push(() => (frame.atEnd ? this.#leave(frame) : this.#list(frame)));
  }

  async #leave(frame: Frame<Place>): Promise<void> {
    if ((await this.#visitor.leave(frame.entry, frame.place, frame.round)) === 'again') {
      Object.assign(frame, { cursor: undefined, atEnd: false, round: frame.round + 1 });
      return this.#push(() => this.#list(frame));
    }
    if (frame.parent) this.#closeOne(frame.parent);
  }
}
