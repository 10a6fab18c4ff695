import { Buffer } from 'node:buffer';

/** Below this, copying is cheaper than one more element in the socket's vector. */
const copyLimitBytes = 2048;
const blockBytes = 512;
const padding = Buffer.alloc(4);

/** Encodes XDR (RFC 4506) into a list of buffers; large opaque data is referenced, not copied. */
export class XdrWriter {
  readonly #chunks: Uint8Array[] = [];
  #block = Buffer.allocUnsafe(blockBytes);
  #start = 0;
  #end = 0;
  #flushed = 0;

  get length(): number {
    return this.#flushed + this.#end - this.#start;
  }

  /** Everything written so far; data given to `opaque` must not change while these are in use. */
  chunks(): readonly Uint8Array[] {
    this.#flush();
    return this.#chunks;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#end = this.#block.writeUInt32BE(value >>> 0, this.#end);
    return this;
  }

  i64(value: bigint): this {
    this.#reserve(8);
    this.#end = this.#block.writeBigInt64BE(BigInt.asIntN(64, value), this.#end);
    return this;
  }

  u64(value: bigint | number): this {
    this.#reserve(8);
    this.#end = this.#block.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)), this.#end);
    return this;
  }

  bool(value: boolean): this {
    return this.u32(value ? 1 : 0);
  }

  /** Variable-length opaque: its length, the bytes, zeros up to a multiple of four. */
  opaque(data: Uint8Array): this {
    return this.u32(data.length).fixed(data);
  }

  /** Fixed-length opaque: the bytes and their padding. */
  fixed(data: Uint8Array): this {
    if (data.length <= copyLimitBytes) {
      this.#reserve(data.length);
      this.#block.set(data, this.#end);
      this.#end += data.length;
    } else {
      this.#flush();
      this.#chunks.push(data);
      this.#flushed += data.length;
    }
    const pad = -data.length & 3;
    if (pad === 0) return this;
    this.#reserve(pad);
    this.#block.set(padding.subarray(0, pad), this.#end);
    this.#end += pad;
    return this;
  }

  /** A string of ours: UTF-8 without lone surrogates. Names of files go through `opaque` and their own encoding. */
  string(value: string): this {
    return this.opaque(Buffer.from(value, 'utf8'));
  }

  /** XDR's `*`: a flag, then the value where there is one. */
  optional<T>(value: T | undefined, write: (value: T) => void): this {
    this.bool(value !== undefined);
    if (value !== undefined) write(value);
    return this;
  }

  array<T>(values: readonly T[], write: (value: T) => void): this {
    this.u32(values.length);
    for (const value of values) write(value);
    return this;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#block.length) return;
    this.#flush();
    this.#block = Buffer.allocUnsafe(Math.max(blockBytes, bytes));
    this.#start = 0;
    this.#end = 0;
  }

  #flush(): void {
    if (this.#end === this.#start) return;
    this.#chunks.push(this.#block.subarray(this.#start, this.#end));
    this.#flushed += this.#end - this.#start;
    this.#start = this.#end;
  }
}
