import {
  type Attributes,
  type Caller,
  type Changes,
  type Entry,
  type FuseChanger,
  FuseError,
  type FuseMaker,
  type FuseTree,
  type NodeAt,
  type NodeId,
  type NoEntry,
  type OpenId,
  type Space,
  splitDevice,
} from '@berth/fuse';
import { decodeBytes, encodeBytes, isNfsError, type NameAt, type NfsNode, type NfsProtocol } from '@berth/nfs-client';
import type { By, OpenFiles } from './open-files.ts';
import type { Share } from './share.ts';
import { nodeTypeOf, type ShareNode } from './share-node.ts';
import { SillyRename } from './silly-rename.ts';

const R_OK = 4;
const W_OK = 2;
const X_OK = 1;
/** ACCESS's bits (RFC 8881 §18.1). */
const right = { read: 1, lookup: 2, modify: 4, extend: 8, delete: 16, execute: 32 } as const;
const blockBytes = 4096;

/** Names and attributes of a share. */
export class TreeOperations implements FuseTree, FuseMaker, FuseChanger {
  readonly #share: Share;
  readonly #files: OpenFiles;
  readonly #silly: SillyRename;

  constructor(share: Share, files: OpenFiles) {
    this.#share = share;
    this.#files = files;
    this.#silly = new SillyRename(share);
  }

  async lookup(at: NodeAt, caller: Caller, signal: AbortSignal): Promise<Entry | NoEntry> {
    const where = this.#at(at);
    try {
      const ask = () => this.#share.as(caller, signal, (nfs) => nfs.lookup(where, signal));
      return this.#share.entry(await this.#share.settled(caller, signal, ask));
    } catch (error) {
      const { absentMs } = this.#share.options.tuning;
      if (error instanceof FuseError && error.code === 'ENOENT' && absentMs > 0)
        return { node: 0, entryValidMs: absentMs };
      throw error;
    }
  }

  forget(node: NodeId, references: number): void {
    this.#share.forget(node, references);
  }

  async getattr({ node: id }: { readonly node: NodeId }, caller: Caller, signal: AbortSignal): Promise<Attributes> {
    const node = this.#share.node(id);
    // The size, and the time of the last write, are of what the server has.
    await node.unstable.drain(signal);
    return await this.#attributes(node, caller, signal);
  }

  async readlink(id: NodeId, caller: Caller, signal: AbortSignal): Promise<Uint8Array> {
    const { handle } = this.#share.node(id);
    const target = encodeBytes(await this.#share.as(caller, signal, (nfs) => nfs.readlink(handle, signal)));
    if (!target) throw new FuseError('EIO', 'a symlink that is no bytes');
    return target;
  }

  async access(
    { node: id, mask }: { readonly node: NodeId; readonly mask: number },
    caller: Caller,
    signal: AbortSignal,
  ): Promise<void> {
    const { handle, type } = this.#share.node(id);
    const isDirectory = type === 'directory';
    const wanted =
      (mask & R_OK ? right.read : 0) |
      (mask & W_OK ? right.modify | right.extend | (isDirectory ? right.delete : 0) : 0) |
      (mask & X_OK ? (isDirectory ? right.lookup : right.execute) : 0);
    const granted = await this.#share.as(caller, signal, (nfs) => nfs.access(handle, wanted, signal));
    if ((granted & wanted) !== wanted) throw new FuseError('EACCES', `the server grants ${granted} of ${wanted}`);
  }

  async statfs(id: NodeId, caller: Caller, signal: AbortSignal): Promise<Space> {
    const { handle } = this.#share.node(id);
    const { bytes, files } = await this.#share.as(caller, signal, (nfs) => nfs.statfs(handle, signal));
    const blocks = (count: number) => Math.floor(count / blockBytes);
    return {
      blockBytes,
      blocks: { total: blocks(bytes.total), free: blocks(bytes.free), available: blocks(bytes.available) },
      files: { total: files.total, free: files.free },
      maxNameBytes: 255,
    };
  }

  async mknod(
    { mode, device, ...at }: NodeAt & { readonly mode: number; readonly device: number },
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Entry> {
    const type = nodeTypeOf(mode);
    const changes = { mode: mode & 0o7777 };
    return await this.#make(at, { caller, signal }, async (nfs, where) => {
      if (type === 'file') return await makeFile(nfs, where, { changes, signal });
      if (type === 'fifo' || type === 'socket') return await nfs.mknod(where, { type, changes }, signal);
      if (type === 'block' || type === 'character')
        return await nfs.mknod(where, { type, ...splitDevice(device), changes }, signal);
      throw new FuseError('EINVAL', `mknod with mode ${mode.toString(8)}`);
    });
  }

  async mkdir(what: NodeAt & { readonly mode: number }, caller: Caller, signal: AbortSignal): Promise<Entry> {
    return await this.#make(what, { caller, signal }, (nfs, at) => nfs.mkdir(at, { mode: what.mode }, signal));
  }

  async symlink(what: NodeAt & { readonly target: Uint8Array }, caller: Caller, signal: AbortSignal): Promise<Entry> {
    return await this.#make(what, { caller, signal }, (nfs, at) => nfs.symlink(at, decodeBytes(what.target), signal));
  }

  async link(what: NodeAt & { readonly node: NodeId }, caller: Caller, signal: AbortSignal): Promise<Entry> {
    const { handle, unstable } = this.#share.node(what.node);
    await unstable.drain(signal);
    return await this.#make(what, { caller, signal }, async (nfs, at) => {
      await nfs.link(handle, at, signal);
      return { handle, attributes: await nfs.getattr(handle, signal) };
    });
  }

  async setattr(
    { node: id, id: open, changes }: { readonly node: NodeId; readonly id?: OpenId; readonly changes: Changes },
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Attributes> {
    const node = this.#share.node(id);
    const { sizeBytes, ...others } = changes;
    // A write that came after it would change times once more.
    await node.unstable.drain(signal);
    this.#share.changed(node);
    if (sizeBytes !== undefined) await this.#files.resize(node, { sizeBytes, open }, { caller, signal });
    if (Object.keys(others).length > 0)
      await this.#share.as(caller, signal, (nfs) => nfs.setattr(node.handle, others, signal));
    this.#share.changed(node);
    return await this.#attributes(node, caller, signal);
  }

  async unlink(at: NodeAt, caller: Caller, signal: AbortSignal): Promise<void> {
    await this.#change(at, { caller, signal }, async (nfs, where) => {
      if (!(await this.#silly.instead(nfs, where, signal))) await nfs.remove(where, signal);
    });
  }

  async rmdir(at: NodeAt, caller: Caller, signal: AbortSignal): Promise<void> {
    await this.#change(at, { caller, signal }, (nfs, where) => nfs.rmdir(where, signal));
  }

  async rename(
    { from, to, flags }: { readonly from: NodeAt; readonly to: NodeAt; readonly flags: number },
    caller: Caller,
    signal: AbortSignal,
  ): Promise<void> {
    // NFS has nothing like them, and the kernel's client says the same.
    if (flags !== 0) throw new FuseError('EINVAL', `rename with flags ${flags}`);
    const target = this.#at(to);
    await this.#change(from, { caller, signal }, async (nfs, where) => {
      await this.#silly.beforeReplacing(nfs, target, signal);
      await nfs.rename(where, target, signal);
      this.#share.changed(this.#share.node(to.parent));
    });
  }

  async #attributes(node: ShareNode, caller: Caller, signal: AbortSignal): Promise<Attributes> {
    const attributes = await this.#share.as(caller, signal, (nfs) => nfs.getattr(node.handle, signal));
    return this.#share.attributes(node, attributes);
  }

  async #make(at: NodeAt, by: By, make: (nfs: NfsProtocol, at: NameAt) => Promise<NfsNode>): Promise<Entry> {
    return this.#share.entry(await this.#change(at, by, make));
  }

  async #change<T>(
    at: NodeAt,
    { caller, signal }: By,
    change: (nfs: NfsProtocol, at: NameAt) => Promise<T>,
  ): Promise<T> {
    const where = this.#at(at);
    try {
      return await this.#share.as(caller, signal, (nfs) => change(nfs, where));
    } finally {
      this.#share.changed(this.#share.node(at.parent));
    }
  }

  #at({ parent, name }: NodeAt): NameAt {
    return { dir: this.#share.node(parent).handle, name: this.#share.name(name) };
  }
}

async function makeFile(
  nfs: NfsProtocol,
  at: NameAt,
  { changes, signal }: { readonly changes: { readonly mode: number }; readonly signal: AbortSignal },
): Promise<NfsNode> {
  const file = await nfs.open(at, { access: 'write', create: 'exclusive', changes }, signal);
  await file.close(signal).catch((error: unknown) => {
    if (!isNfsError(error)) throw error;
  });
  return { handle: file.handle, attributes: file.attributes };
}
