import { Buffer } from 'node:buffer';

const maxU64 = 2n ** 64n - 1n;

/** Writes a structure's fields in their order into a buffer of its exact size. */
export class WireWriter {
  readonly bytes: Buffer;
  #at = 0;

  constructor(size: number) {
    this.bytes = Buffer.alloc(size);
  }

  u16(value: number): this {
    this.#at = this.bytes.writeUInt16LE(value & 0xffff, this.#at);
    return this;
  }

  u32(value: number): this {
    this.#at = this.bytes.writeUInt32LE(value >>> 0, this.#at);
    return this;
  }

  u64(value: number | bigint): this {
    if (typeof value === 'number') {
      const high = Math.floor(value / 2 ** 32);
      this.bytes.writeUInt32LE(value >>> 0, this.#at);
      this.#at = this.bytes.writeUInt32LE(high >>> 0, this.#at + 4);
    } else this.#at = this.bytes.writeBigUInt64LE(value & maxU64, this.#at);
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  skip(bytes: number): this {
    this.#at += bytes;
    return this;
  }
}
