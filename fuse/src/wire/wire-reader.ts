import type { Buffer } from 'node:buffer';
import { FuseError } from '../fuse-error.ts';

/** Reads a request's fields in their order; all are little-endian on the machines Berth runs on. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  /** A number of 64 bits that JavaScript can hold. @throws FuseError EFBIG – it is larger than 2^53-1. */
  u64(): number {
    const at = this.#take(8);
    const high = this.#bytes.readUInt32LE(at + 4);
    if (high > 0x1f_ffff) throw new FuseError('EFBIG', `a number in the request is beyond 2^53-1`);
    return high * 2 ** 32 + this.#bytes.readUInt32LE(at);
  }

  i64(): bigint {
    return this.#bytes.readBigInt64LE(this.#take(8));
  }

  big(): bigint {
    return this.#bytes.readBigUInt64LE(this.#take(8));
  }

  skip(bytes: number): void {
    this.#take(bytes);
  }

  bytes(length: number): Buffer {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Bytes up to a NUL, which must come. */
  text(): Buffer {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw new FuseError('EINVAL', 'a name in the request does not end');
    const text = this.#bytes.subarray(this.#at, end);
    this.#at = end + 1;
    return text;
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (bytes > this.left) throw new FuseError('EINVAL', `the request ends ${bytes - this.left} bytes too early`);
    this.#at += bytes;
    return at;
  }
}
