import { isNfsError, type NameAt, type NfsNode, type NfsProtocol } from '@berth/nfs-client';
import type { Share } from './share.ts';
import type { ShareNode } from './share-node.ts';

/**
 * NFS servers do not know what clients have open: the last name of an open file is not removed but changed, to
 * `.nfs` and numbers as all clients do it, and that one removed when the file is closed.
 */
export class SillyRename {
  readonly #share: Share;

  constructor(share: Share) {
    this.#share = share;
  }

  /** True: the name is gone, the file is kept. False: the name can be removed. */
  async instead(nfs: NfsProtocol, at: NameAt, signal: AbortSignal): Promise<boolean> {
    const node = await this.#openAt(nfs, at, signal);
    if (!node) return false;
    const name = this.#newName(node);
    await nfs.rename(at, { dir: at.dir, name }, signal);
    node.silly.push({ dir: at.dir, name, nfs });
    return true;
  }

  /** Before another file takes the name: the open one there gets a second, so that the name never shows nothing. */
  async beforeReplacing(nfs: NfsProtocol, at: NameAt, signal: AbortSignal): Promise<void> {
    const node = await this.#openAt(nfs, at, signal);
    if (!node) return;
    const name = this.#newName(node);
    try {
      await nfs.link(node.handle, { dir: at.dir, name }, signal);
    } catch (error) {
      if (!isNfsError(error, 'NOTSUPP', 'MLINK', 'PERM')) throw error;
      await nfs.rename(at, { dir: at.dir, name }, signal);
    }
    node.silly.push({ dir: at.dir, name, nfs });
  }

  /** After the last close. A name that can't be removed stays, as after a client's crash. */
  async removeAll(node: ShareNode, signal: AbortSignal): Promise<void> {
    for (const { dir, name, nfs } of node.silly.splice(0)) {
      await nfs.remove({ dir, name }, signal).catch((error: unknown) => {
        this.#share.options.log.debug('a removed file stays', { name, error });
      });
    }
  }

  /** The file at the name, where this side has it open and this is its last name. */
  async #openAt(nfs: NfsProtocol, at: NameAt, signal: AbortSignal): Promise<ShareNode | undefined> {
    if (this.#share.openFiles === 0) return undefined;
    let found: NfsNode;
    try {
      found = await nfs.lookup(at, signal);
    } catch (error) {
      if (isNfsError(error, 'NOENT')) return undefined;
      throw error;
    }
    const node = this.#share.find(found);
    return node && node.opens > 0 && node.type === 'file' && found.attributes.links === 1 ? node : undefined;
  }

  #newName({ fileId }: ShareNode): string {
    const chance = Math.floor(this.#share.options.rng.next() * 2 ** 32);
    return `.nfs${fileId.toString(16).padStart(16, '0')}${chance.toString(16).padStart(8, '0')}`;
  }
}
