import {
  type Caller,
  type DirectorySink,
  type FuseDirectories,
  FuseError,
  type NodeId,
  type Opened,
  type OpenFile,
  type OpenId,
} from '@berth/fuse';
import { KeyedMutex } from '@berth/kit';
import { DirectoryReader } from './directory-reader.ts';
import type { Share } from './share.ts';

/** Listings of a share's directories. */
export class DirectoryOperations implements FuseDirectories {
  readonly #share: Share;
  readonly #open = new Map<OpenId, DirectoryReader>();
  readonly #turns = new KeyedMutex();
  #last: OpenId = 0;

  constructor(share: Share) {
    this.#share = share;
  }

  async openDirectory(id: NodeId, caller: Caller): Promise<Opened> {
    this.#last += 1;
    this.#open.set(this.#last, new DirectoryReader(this.#share, this.#share.node(id), caller));
    return { id: this.#last };
  }

  async readDirectory(
    { id, offset }: OpenFile & { readonly offset: number },
    sink: DirectorySink,
    signal: AbortSignal,
  ): Promise<void> {
    const reader = this.#open.get(id);
    if (!reader) throw new FuseError('EBADF', `open directory ${id} is not known`);
    await this.#turns.run(String(id), () => reader.read(offset, sink, signal));
  }

  async releaseDirectory({ id }: OpenFile): Promise<void> {
    this.#open.delete(id);
  }
}
