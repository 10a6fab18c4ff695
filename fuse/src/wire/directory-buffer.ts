import { Buffer } from 'node:buffer';
import type { Entry } from '../file-system.ts';
import { entryBytes, entryReply } from './replies.ts';

export interface DirectoryEntry {
  readonly name: Uint8Array;
  readonly inode: bigint;
  /** The S_IFMT bits, 0 where unknown. */
  readonly type: number;
  /** Where to go on behind this entry; above 0. */
  readonly offset: number;
  /** What a lookup would have answered, a reference included; taken only where `wantsEntries`. Not for `.` and `..`. */
  readonly entry?: Entry | undefined;
}

/** Takes a directory's entries up to the room a program's buffer has. */
export interface DirectorySink {
  readonly wantsEntries: boolean;
  /** False: there is no room, and the entry was not taken. */
  add(entry: DirectoryEntry): boolean;
}

const nameAt = 24;

/** `fuse_dirent`s, or `fuse_direntplus`es. */
export class DirectoryBuffer implements DirectorySink {
  readonly wantsEntries: boolean;
  readonly #buffer: Buffer;
  #length = 0;

  constructor(size: number, wantsEntries: boolean) {
    this.#buffer = Buffer.alloc(size);
    this.wantsEntries = wantsEntries;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  add({ name, inode, type, offset, entry }: DirectoryEntry): boolean {
    const before = this.wantsEntries ? entryBytes : 0;
    const size = before + nameAt + align(name.length);
    if (this.#length + size > this.#buffer.length) return false;
    if (this.wantsEntries && entry) this.#buffer.set(entryReply(entry), this.#length);
    const at = this.#length + before;
    this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, inode), at);
    this.#buffer.writeBigUInt64LE(BigInt(offset), at + 8);
    this.#buffer.writeUInt32LE(name.length, at + 16);
    this.#buffer.writeUInt32LE((type >>> 12) & 0o17, at + 20);
    this.#buffer.set(name, at + nameAt);
    this.#length += size;
    return true;
  }
}

function align(length: number): number {
  return (length + 7) & ~7;
}
