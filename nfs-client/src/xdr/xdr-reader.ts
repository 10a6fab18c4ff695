import { Buffer } from 'node:buffer';
import { badReply } from '../nfs-error.ts';

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * Decodes XDR (RFC 4506) from a buffer whose content nobody vouches for: every length is checked against what is left
 * and against the caller's limit before anything is allocated.
 * All methods throw NfsError BAD_REPLY – the bytes are not what the protocol says.
 */
export class XdrReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  i64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  u64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#take(8));
  }

  /** A 64-bit count or offset as a number. */
  size(): number {
    const value = this.u64();
    if (value > maxSafe) throw badReply(`size ${value} is over 2^53-1`);
    return Number(value);
  }

  /** A 64-bit quantity where servers say "no limit" with their largest number. */
  clamped(): number {
    const value = this.u64();
    return value > maxSafe ? Number.MAX_SAFE_INTEGER : Number(value);
  }

  bool(): boolean {
    const value = this.u32();
    if (value > 1) throw badReply(`boolean is ${value}`);
    return value === 1;
  }

  /** Variable-length opaque of at most `limit` bytes: a view into the reply, not a copy. */
  opaque(limit: number): Buffer {
    const length = this.u32();
    if (length > limit) throw badReply(`${length} bytes where at most ${limit} may be`);
    return this.fixed(length);
  }

  /** Fixed-length opaque: a view into the reply, not a copy. */
  fixed(length: number): Buffer {
    const start = this.#take(length);
    this.#take(-length & 3);
    return this.#bytes.subarray(start, start + length);
  }

  string(limit: number): string {
    return this.opaque(limit).toString('utf8');
  }

  optional<T>(read: () => T): T | undefined {
    return this.bool() ? read() : undefined;
  }

  /** An array of at most `limit` elements; each takes four bytes at least, or the length is a lie. */
  array<T>(limit: number, read: () => T): T[] {
    const length = this.u32();
    if (length > limit || length * 4 > this.remaining) throw badReply(`array of ${length}`);
    return Array.from({ length }, read);
  }

  /** XDR's linked list, `limit` elements at most: a flag before each, false at the end. */
  list<T>(limit: number, read: () => T): T[] {
    const items: T[] = [];
    while (this.bool()) {
      if (items.length >= limit) throw badReply(`a list of more than ${limit}`);
      items.push(read());
    }
    return items;
  }

  #take(bytes: number): number {
    const start = this.#at;
    if (bytes > this.#bytes.length - start) throw badReply(`${bytes} bytes wanted, ${this.#bytes.length - start} left`);
    this.#at = start + bytes;
    return start;
  }
}
