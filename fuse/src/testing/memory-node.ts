import type { FileStat, NodeId } from '../file-system.ts';

export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;

/** A file of a {@link MemoryFileSystem}. */
export class MemoryNode {
  readonly id: NodeId;
  mode: number;
  uid: number;
  gid: number;
  links = 1;
  device = 0;
  data = Buffer.alloc(0);
  sizeBytes = 0;
  target: Uint8Array = Buffer.alloc(0);
  parent: MemoryNode = this;
  readonly children = new Map<string, MemoryNode>();
  /** Of the kernel. */
  references = 0;
  opens = 0;
  accessedNs: bigint;
  modifiedNs: bigint;
  changedNs: bigint;

  constructor(id: NodeId, { mode, uid, gid, nowNs }: { mode: number; uid: number; gid: number; nowNs: bigint }) {
    this.id = id;
    this.mode = mode;
    this.uid = uid;
    this.gid = gid;
    this.accessedNs = this.modifiedNs = this.changedNs = nowNs;
  }

  get isDirectory(): boolean {
    return (this.mode & S_IFMT) === S_IFDIR;
  }

  get stat(): FileStat {
    const { mode, links, uid, gid, device, sizeBytes, accessedNs, modifiedNs, changedNs } = this;
    const times = { accessedNs, modifiedNs, changedNs };
    const size = this.target.length || sizeBytes;
    return {
      inode: BigInt(this.id),
      ...{ mode, links, uid, gid, device, sizeBytes: size, usedBytes: size, blockBytes: 4096, ...times },
    };
  }

  resize(sizeBytes: number): void {
    this.#reserve(sizeBytes);
    if (sizeBytes < this.sizeBytes) this.data.fill(0, sizeBytes, this.sizeBytes);
    this.sizeBytes = sizeBytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#reserve(offset + bytes.length);
    this.data.set(bytes, offset);
    this.sizeBytes = Math.max(this.sizeBytes, offset + bytes.length);
  }

  #reserve(bytes: number): void {
    if (bytes <= this.data.length) return;
    const larger = Buffer.alloc(Math.max(bytes, this.data.length * 2));
    this.data.copy(larger);
    this.data = larger;
  }
}
