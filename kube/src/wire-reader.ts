import { type Integer, integerOf } from '@berth/kit';
import { apiError } from './api-error.ts';
import { DecodeError } from './go-json.ts';

/** How many fields and numbers may still be read. */
export interface ReadBudget {
  fields: number;
}

/** Reads protobuf's wire format: varints, fixed numbers and length-delimited bytes. All methods throw DecodeError. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #budget: ReadBudget;
  #at = 0;

  /** `budget` is shared by the readers of all messages within one. */
  constructor(bytes: Uint8Array, budget: ReadBudget = { fields: Number.POSITIVE_INFINITY }) {
    this.#bytes = bytes;
    this.#budget = budget;
  }

  get budget(): ReadBudget {
    return this.#budget;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  tag(): { readonly id: number; readonly wire: number } {
    this.spend();
    const tag = this.#length();
    return { id: tag >>> 3, wire: tag & 7 };
  }

  /** @throws ApiError RequestEntityTooLarge – there are more than may be. */
  spend(): void {
    if (--this.#budget.fields < 0) throw apiError('RequestEntityTooLarge', 'Request entity too large: too many values');
  }

  varint(): bigint {
    let result = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return result;
    }
    throw new DecodeError('proto: integer overflow');
  }

  /** An int32 or int64; negative ones are ten bytes of two's complement. */
  integer(): Integer {
    return integerOf(BigInt.asIntN(64, this.varint()));
  }

  double(): number {
    const { buffer, byteOffset, byteLength } = this.#bytes;
    return new DataView(buffer, byteOffset, byteLength).getFloat64(this.#skip(8), true);
  }

  bytes(): Uint8Array {
    const length = this.#length();
    const start = this.#skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  text(): string {
    const { buffer, byteOffset, byteLength } = this.bytes();
    return Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
  }

  /** Passes over a field nobody knows. */
  ignore(wire: number): void {
    if (wire === 0) this.varint();
    else if (wire === 1) this.#skip(8);
    else if (wire === 2) this.bytes();
    else if (wire === 5) this.#skip(4);
    else throw new DecodeError(`proto: illegal wireType ${wire}`);
  }

  /** A tag or length: 32 bits at most, without the cost of bigint. */
  #length(): number {
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      result += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return result;
    }
    throw new DecodeError('proto: integer overflow');
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new DecodeError('unexpected EOF');
    return byte;
  }

  #skip(length: number): number {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw new DecodeError('unexpected EOF');
    this.#at += length;
    return start;
  }
}
