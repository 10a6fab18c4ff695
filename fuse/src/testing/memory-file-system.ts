import type { Clock } from '@berth/kit';
import type * as port from '../file-system.ts';
import { FuseError } from '../fuse-error.ts';
import type { DirectorySink } from '../wire/directory-buffer.ts';
import { MemoryNode, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from './memory-node.ts';

type Made = { readonly mode: number; readonly uid: number; readonly gid: number };
const O_TRUNC = 0o1000;

/** A file system in memory that behaves as one: what the server is tried with. */
export class MemoryFileSystem implements port.FileSystem {
  readonly nodes = new Map<port.NodeId, MemoryNode>();
  readonly open_ = new Set<port.OpenId>();
  /** For how long the kernel may believe what it was told. */
  validMs = 1000;
  /** What READ waits for, so that a test can hold it up. */
  onRead: (signal: AbortSignal) => Promise<void> = async () => undefined;
  isDisposed = false;
  readonly #clock: Clock;
  #last = 0;
  #lastOpen = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#make({ mode: S_IFDIR | 0o755, uid: 0, gid: 0 }).references = 1;
  }

  async lookup({ parent, name }: port.NodeAt): Promise<port.Entry | port.NoEntry> {
    const node = this.#directory(parent).children.get(key(name));
    return node ? this.#entry(node) : { node: 0, entryValidMs: this.validMs };
  }

  forget(id: port.NodeId, references: number): void {
    const node = this.nodes.get(id);
    if (!node) return;
    node.references -= references;
    this.#drop(node);
  }

  async getattr({ node }: { readonly node: port.NodeId }): Promise<port.Attributes> {
    return { stat: this.#get(node).stat, validMs: this.validMs };
  }

  async readlink(node: port.NodeId): Promise<Uint8Array> {
    return this.#get(node).target;
  }

  async access(): Promise<void> {}

  async statfs(): Promise<port.Space> {
    const blocks = { total: 1000, free: 500, available: 400 };
    return { blockBytes: 4096, blocks, files: { total: 100, free: 50 }, maxNameBytes: 255 };
  }

  async mknod(
    what: port.NodeAt & { readonly mode: number; readonly device: number },
    caller: port.Caller,
  ): Promise<port.Entry> {
    const node = this.#add(what, { ...what, ...caller });
    node.device = what.device;
    return this.#entry(node);
  }

  async mkdir(what: port.NodeAt & { readonly mode: number }, caller: port.Caller): Promise<port.Entry> {
    return this.#entry(this.#add(what, { ...caller, mode: S_IFDIR | what.mode }));
  }

  async symlink(what: port.NodeAt & { readonly target: Uint8Array }, caller: port.Caller): Promise<port.Entry> {
    const node = this.#add(what, { ...caller, mode: S_IFLNK | 0o777 });
    node.target = Buffer.from(what.target);
    return this.#entry(node);
  }

  async link(what: port.NodeAt & { readonly node: port.NodeId }): Promise<port.Entry> {
    const node = this.#get(what.node);
    this.#put(what, node);
    node.links += 1;
    return this.#entry(node);
  }

  async setattr(what: { readonly node: port.NodeId; readonly changes: port.Changes }): Promise<port.Attributes> {
    const node = this.#get(what.node);
    const { mode, uid, gid, sizeBytes, accessedNs, modifiedNs } = what.changes;
    if (mode !== undefined) node.mode = (node.mode & S_IFMT) | mode;
    node.uid = uid ?? node.uid;
    node.gid = gid ?? node.gid;
    node.changedNs = this.#nowNs();
    if (sizeBytes !== undefined) {
      node.resize(sizeBytes);
      node.modifiedNs = this.#nowNs();
    }
    if (accessedNs !== undefined) node.accessedNs = accessedNs === 'now' ? this.#nowNs() : accessedNs;
    if (modifiedNs !== undefined) node.modifiedNs = modifiedNs === 'now' ? this.#nowNs() : modifiedNs;
    return this.getattr(what);
  }

  async unlink(at: port.NodeAt): Promise<void> {
    const node = this.#child(at);
    if (node.isDirectory) throw new FuseError('EISDIR', 'a directory');
    this.#take(at, node);
  }

  async rmdir(at: port.NodeAt): Promise<void> {
    const node = this.#child(at);
    if (!node.isDirectory) throw new FuseError('ENOTDIR', 'no directory');
    if (node.children.size > 0) throw new FuseError('ENOTEMPTY', 'not empty');
    this.#take(at, node);
  }

  async rename({ from, to, flags }: { from: port.NodeAt; to: port.NodeAt; flags: number }): Promise<void> {
    if (flags !== 0) throw new FuseError('EINVAL', 'flags');
    const node = this.#child(from);
    const over = this.#directory(to.parent).children.get(key(to.name));
    if (over === node) return;
    if (over) await (over.isDirectory ? this.rmdir(to) : this.unlink(to));
    this.#directory(from.parent).children.delete(key(from.name));
    this.#put(to, node);
  }

  async open({ node, flags }: { node: port.NodeId; flags: number }): Promise<port.Opened> {
    const file = this.#get(node);
    if (flags & O_TRUNC) file.resize(0);
    return this.#open(file);
  }

  async create(what: port.NodeAt & { readonly flags: number; readonly mode: number }, caller: port.Caller) {
    const node =
      this.#directory(what.parent).children.get(key(what.name)) ??
      this.#add(what, { ...caller, mode: S_IFREG | what.mode });
    return { entry: this.#entry(node), opened: this.#open(node) };
  }

  async read({ node, offset, size }: port.FileRead, signal: AbortSignal): Promise<Uint8Array> {
    await this.onRead(signal);
    const { data, sizeBytes } = this.#get(node);
    return data.subarray(Math.min(offset, sizeBytes), Math.min(offset + size, sizeBytes));
  }

  async write({ node, offset, data }: port.FileWrite): Promise<number> {
    const file = this.#get(node);
    file.write(offset, data);
    file.modifiedNs = file.changedNs = this.#nowNs();
    return data.length;
  }

  async sync(): Promise<void> {}

  async release({ node, id }: port.OpenFile): Promise<void> {
    const file = this.#get(node);
    if (this.open_.delete(id)) file.opens -= 1;
    this.#drop(file);
  }

  async openDirectory(node: port.NodeId): Promise<port.Opened> {
    return this.#open(this.#directory(node));
  }

  async readDirectory(what: port.OpenFile & { readonly offset: number }, sink: DirectorySink): Promise<void> {
    const node = this.#directory(what.node);
    const dots = [
      { name: '.', node },
      { name: '..', node: node.parent },
    ];
    const all = [...dots, ...[...node.children].map(([name, child]) => ({ name, node: child }))];
    for (const [index, child] of all.entries()) {
      if (index < what.offset) continue;
      const { mode } = child.node;
      const entry = index >= 2 && sink.wantsEntries ? { entry: this.#entry(child.node) } : {};
      const fields = { name: Buffer.from(child.name, 'latin1'), inode: BigInt(child.node.id), type: mode & S_IFMT };
      if (sink.add({ ...fields, offset: index + 1, ...entry })) continue;
      if (entry.entry) child.node.references -= 1;
      return;
    }
  }

  releaseDirectory(file: port.OpenFile): Promise<void> {
    return this.release(file);
  }

  async allocate(): Promise<void> {
    throw new FuseError('EOPNOTSUPP', 'no');
  }

  async seek(): Promise<number> {
    throw new FuseError('ENOSYS', 'no');
  }

  async copy(): Promise<number> {
    throw new FuseError('ENOSYS', 'no');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true;
  }

  #get(id: port.NodeId): MemoryNode {
    const node = this.nodes.get(id);
    if (!node) throw new FuseError('ESTALE', `node ${id} is not known`);
    return node;
  }

  #directory(id: port.NodeId): MemoryNode {
    const node = this.#get(id);
    if (!node.isDirectory) throw new FuseError('ENOTDIR', 'no directory');
    return node;
  }

  #child({ parent, name }: port.NodeAt): MemoryNode {
    const node = this.#directory(parent).children.get(key(name));
    if (!node) throw new FuseError('ENOENT', 'not there');
    return node;
  }

  #make(made: Made): MemoryNode {
    this.#last += 1;
    const node = new MemoryNode(this.#last, { ...made, nowNs: this.#nowNs() });
    this.nodes.set(node.id, node);
    return node;
  }

  #add(at: port.NodeAt, made: Made): MemoryNode {
    if (this.#directory(at.parent).children.has(key(at.name))) throw new FuseError('EEXIST', 'there');
    const node = this.#make(made);
    this.#put(at, node);
    return node;
  }

  #put({ parent, name }: port.NodeAt, node: MemoryNode): void {
    const directory = this.#directory(parent);
    node.parent = directory;
    directory.children.set(key(name), node);
    directory.modifiedNs = directory.changedNs = this.#nowNs();
  }

  #take({ parent, name }: port.NodeAt, node: MemoryNode): void {
    this.#directory(parent).children.delete(key(name));
    node.links -= 1;
    this.#drop(node);
  }

  #drop(node: MemoryNode): void {
    if (node.references <= 0 && node.opens === 0 && (node.links === 0 || node.isDirectory)) {
      if (node.links === 0) this.nodes.delete(node.id);
    }
  }

  #open(node: MemoryNode): port.Opened {
    node.opens += 1;
    this.#lastOpen += 1;
    this.open_.add(this.#lastOpen);
    return { id: this.#lastOpen, keepCache: true };
  }

  #entry(node: MemoryNode): port.Entry {
    node.references += 1;
    return { node: node.id, stat: node.stat, validMs: this.validMs, entryValidMs: this.validMs };
  }

  #nowNs(): bigint {
    return BigInt(Math.floor(this.#clock.now() * 1000)) * 1000n;
  }
}

/** Names are bytes: one character each. */
function key(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString('latin1');
}
