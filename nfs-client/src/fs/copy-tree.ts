import { isNfsError, NfsError } from '../nfs-error.ts';
import type { NfsAttributes, NfsChanges } from '../protocol/nfs-attributes.ts';
import type { NfsHandle } from '../protocol/nfs-handle.ts';
import type { NameAt, NfsNode, NfsProtocol } from '../protocol/nfs-protocol.ts';
import type { FileCopier } from './copy-file.ts';
import type { CopyMethod, TreeCopyResult } from './nfs-client.ts';
import { type TreeEntry, type TreeVisitor, walkTree } from './walk-tree.ts';

/** Only the owner may enter a directory while it is filled. */
const fillingMode = 0o700;

export interface TreeCopy {
  readonly top: TreeEntry;
  readonly to: NameAt;
}

/** Copies a directory with all below it. A failed copy stays as far as it came: the caller removes or repeats it. */
export async function copyTree(
  protocol: NfsProtocol,
  { top, to, copier }: TreeCopy & { readonly copier: FileCopier },
  signal: AbortSignal,
): Promise<TreeCopyResult> {
  const visitor = new TreeCopyVisitor(protocol, { to, copier }, signal);
  await walkTree<NfsHandle | undefined>(protocol, { top, place: undefined, visitor }, signal);
  return visitor.result;
}

class TreeCopyVisitor implements TreeVisitor<NfsHandle | undefined> {
  readonly isRemoval = false;
  readonly result = {
    files: 0,
    directories: 0,
    bytes: 0,
    methods: { clone: 0, server: 0, client: 0 } as Record<CopyMethod, number>,
  };
  readonly #protocol: NfsProtocol;
  readonly #to: NameAt;
  readonly #copier: FileCopier;
  readonly #signal: AbortSignal;
  /** Where the first name of a file with several was copied to; the others become links to it. */
  readonly #linked = new Map<bigint, Promise<NfsHandle>>();

  constructor(
    protocol: NfsProtocol,
    { to, copier }: { readonly to: NameAt; readonly copier: FileCopier },
    signal: AbortSignal,
  ) {
    this.#protocol = protocol;
    this.#to = to;
    this.#copier = copier;
    this.#signal = signal;
  }

  /** The place handed down is the copy's handle; only the top has none above it. */
  async enter({ at }: TreeEntry, parent: NfsHandle | undefined): Promise<NfsHandle> {
    const target = parent ? { dir: parent, name: at.name } : this.#to;
    const made = await this.#protocol.mkdir(target, { mode: fillingMode }, this.#signal);
    this.result.directories += 1;
    return made.handle;
  }

  async leaf(entry: TreeEntry & { readonly isMount: boolean }, parent: NfsHandle | undefined): Promise<void> {
    const { at, node, isMount } = entry;
    if (isMount) throw new NfsError('XDEV', `copy ${JSON.stringify(at.name)}: another filesystem is mounted there`);
    const to = { dir: parent as NfsHandle, name: at.name };
    const { links, fileId } = node.attributes;
    const first = links > 1 ? this.#linked.get(fileId) : undefined;
    if (first) return await this.#protocol.link(await first, to, this.#signal);
    const made = this.#copyOne({ at, node }, to);
    if (links > 1) this.#linked.set(fileId, made);
    await made;
  }

  async leave({ node }: TreeEntry, place: NfsHandle | undefined): Promise<'done'> {
    await this.#keepAttributes(place as NfsHandle, node.attributes);
    return 'done';
  }

  async #copyOne({ at, node }: TreeEntry, to: NameAt): Promise<NfsHandle> {
    const handle = await this.#make({ at, node }, to);
    await this.#keepAttributes(handle, node.attributes);
    this.result.files += 1;
    return handle;
  }

  async #make({ at, node }: TreeEntry, to: NameAt): Promise<NfsHandle> {
    const { attributes } = node;
    if (attributes.type === 'file') {
      const { method, bytes } = await this.#copier.copy(
        { from: at, to, overwrite: false, changes: { mode: 0o600 } },
        this.#signal,
      );
      if (bytes > 0) this.result.methods[method] += 1;
      this.result.bytes += bytes;
      return (await this.#protocol.lookup(to, this.#signal)).handle;
    }
    const made = attributes.type === 'symlink' ? this.#makeSymlink(node, to) : this.#makeSpecial(attributes, to);
    return (await made).handle;
  }

  async #makeSymlink(node: NfsNode, to: NameAt): Promise<NfsNode> {
    return this.#protocol.symlink(to, await this.#protocol.readlink(node.handle, this.#signal), this.#signal);
  }

  async #makeSpecial({ type, mode, device }: NfsAttributes, to: NameAt): Promise<NfsNode> {
    const changes = { mode };
    if (type === 'block' || type === 'character')
      return this.#protocol.mknod(to, { type, ...device, changes }, this.#signal);
    if (type === 'socket' || type === 'fifo') return this.#protocol.mknod(to, { type, changes }, this.#signal);
    throw new NfsError('WRONG_TYPE', `copy ${JSON.stringify(to.name)}: it became a ${type} meanwhile`);
  }

  /** Who may not give files away keeps them, without the set-id bits that were another's. */
  async #keepAttributes(handle: NfsHandle, attributes: NfsAttributes): Promise<void> {
    const { type, uid, gid, mode, accessedNs, modifiedNs } = attributes;
    const times: NfsChanges = { accessedNs, modifiedNs };
    if (type === 'symlink') return await this.#keepOfSymlink(handle, { uid, gid, ...times });
    try {
      await this.#protocol.setattr(handle, { uid, gid }, this.#signal);
      await this.#protocol.setattr(handle, { mode, ...times }, this.#signal);
    } catch (error) {
      if (!isNfsError(error, 'PERM', 'ACCESS', 'BADOWNER')) throw error;
      await this.#protocol.setattr(handle, { mode: mode & 0o777, ...times }, this.#signal);
    }
  }

  /** A symlink has no mode, and some servers can't change one at all. */
  async #keepOfSymlink(handle: NfsHandle, changes: NfsChanges): Promise<void> {
    try {
      await this.#protocol.setattr(handle, changes, this.#signal);
    } catch (error) {
      if (!isNfsError(error, 'PERM', 'ACCESS', 'BADOWNER', 'INVAL', 'NOTSUPP', 'ATTRNOTSUPP')) throw error;
    }
  }
}
