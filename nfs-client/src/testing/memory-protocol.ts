import { NfsError } from '../nfs-error.ts';
import type { NfsAttributes } from '../protocol/nfs-attributes.ts';
import { type NfsHandle, nfsHandle } from '../protocol/nfs-handle.ts';
import type { DirectoryCursor, DirectoryPage, NameAt, NfsNode, NfsProtocol } from '../protocol/nfs-protocol.ts';

interface MemoryNode {
  readonly id: number;
  readonly children: Map<string, MemoryNode> | undefined;
  readonly fsId: string;
}

/** The part of a server that walks need: directories, their pages, and removing. Handles are numbers in text. */
export class MemoryProtocol {
  readonly nodes = new Map<string, MemoryNode>();
  readonly top: MemoryNode;
  #lastId = 0;
  pageEntries = 10;
  openCalls = 0;
  mostOpenCalls = 0;
  readdirs = 0;
  /** May throw, or answer another page than the true one. */
  onReaddir: (page: DirectoryPage, cursor: DirectoryCursor | undefined) => DirectoryPage = (page) => page;

  constructor() {
    this.top = this.#node(true, 'a');
  }

  /** Makes a tree: each level has `wide` directories and `files` files. */
  fill(parent: MemoryNode, { deep, wide, files }: { deep: number; wide: number; files: number }): void {
    for (let i = 0; i < files; i++) parent.children?.set(`f${i}`, this.#node(false, 'a'));
    for (let i = 0; i < wide && deep > 0; i++)
      this.fill(this.directory(parent, `d${i}`), { deep: deep - 1, wide, files });
  }

  directory(parent: MemoryNode, name: string, fsId = 'a'): MemoryNode {
    const node = this.#node(true, fsId);
    parent.children?.set(name, node);
    return node;
  }

  /** As what the walks take. */
  asProtocol(): NfsProtocol {
    const root = this.#handle(this.top);
    const call = async <T>(signal: AbortSignal, run: () => T): Promise<T> => {
      this.openCalls += 1;
      this.mostOpenCalls = Math.max(this.mostOpenCalls, this.openCalls);
      await new Promise((resolve) => setImmediate(resolve));
      this.openCalls -= 1;
      signal.throwIfAborted();
      return run();
    };
    const lookup = (at: NameAt, signal: AbortSignal) => call(signal, () => this.#toNode(this.#child(at)));
    const remove = (at: NameAt, signal: AbortSignal) => call(signal, () => this.#remove(at));
    const readdir = (dir: NfsHandle, cursor: DirectoryCursor | undefined, signal: AbortSignal) =>
      call(signal, () => this.onReaddir(this.#page(dir, cursor), cursor));
    return { root, lookup, remove, rmdir: remove, readdir } as unknown as NfsProtocol;
  }

  #page(dir: NfsHandle, cursor: DirectoryCursor | undefined): DirectoryPage {
    this.readdirs += 1;
    const all = [...(this.#get(dir).children ?? [])].sort(([, a], [, b]) => a.id - b.id);
    const rest = all.filter(([, { id }]) => BigInt(id) > (cursor?.cookie ?? 0n));
    const entries = rest.slice(0, this.pageEntries).map(([name, node]) => {
      return { name, fileId: BigInt(node.id), cookie: BigInt(node.id), ...this.#toNode(node) };
    });
    const next = { cookie: entries.at(-1)?.cookie ?? 0n, verifier: new Uint8Array(8) };
    return { entries, next, end: rest.length <= this.pageEntries };
  }

  #remove({ dir, name }: NameAt): void {
    const node = this.#child({ dir, name });
    if (node.children?.size) throw new NfsError('NOTEMPTY', name);
    this.#get(dir).children?.delete(name);
    this.nodes.delete(String(node.id));
  }

  #child({ dir, name }: NameAt): MemoryNode {
    const node = this.#get(dir).children?.get(name);
    if (!node) throw new NfsError('NOENT', name);
    return node;
  }

  #get(handle: NfsHandle): MemoryNode {
    const node = this.nodes.get(Buffer.from(handle).toString());
    if (!node) throw new NfsError('STALE', 'gone');
    return node;
  }

  #node(isDirectory: boolean, fsId: string): MemoryNode {
    this.#lastId += 1;
    const node = { id: this.#lastId, children: isDirectory ? new Map() : undefined, fsId };
    this.nodes.set(String(node.id), node);
    return node;
  }

  #handle({ id }: MemoryNode): NfsHandle {
    return nfsHandle(Buffer.from(String(id)));
  }

  #toNode(node: MemoryNode): NfsNode {
    const type = node.children ? 'directory' : 'file';
    const attributes = { type, fsId: node.fsId, links: 1, fileId: BigInt(node.id), sizeBytes: 10, usedBytes: 512 };
    return { handle: this.#handle(node), attributes: attributes as NfsAttributes };
  }
}
