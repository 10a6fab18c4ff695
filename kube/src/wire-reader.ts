import { type Integer, integerOf } from '@berth/kit';
import { apiError } from './api-error.ts';
import { DecodeError } from './go-json.ts';
import { goUtf8 } from './go-utf8.ts';

/** How many fields and numbers may still be read. */
export interface ReadBudget {
  fields: number;
}

export interface Tag {
  readonly id: number;
  /** 0 is a varint, 1 and 5 are fixed numbers, 2 is bytes, 3 and 4 enclose a group. */
  readonly wire: number;
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

  /** The tag of a field of `message`, which is called so in errors. */
  field(message: string): Tag {
    this.spend();
    const value = this.#unsigned();
    const { id, wire } = tagOf(value);
    if (wire === 4) throw new DecodeError(`proto: ${message}: wiretype end group for non-group`);
    if (id <= 0) throw new DecodeError(`proto: ${message}: illegal tag ${id} (wire type ${value})`);
    return { id, wire };
  }

  /** A tag as entries of maps and unknown groups have them: what it is, is not looked at. */
  tag(): Tag {
    this.spend();
    return tagOf(this.#unsigned());
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
    return goUtf8(Buffer.from(buffer, byteOffset, byteLength));
  }

  /** Passes over a field nobody knows. */
  ignore(wire: number): void {
    if (wire === 0) this.varint();
    else if (wire === 1) this.#skip(8);
    else if (wire === 2) this.bytes();
    else if (wire === 3) this.#ignoreGroup();
    else if (wire === 4) throw new DecodeError('proto: unexpected end of group');
    else if (wire === 5) this.#skip(4);
    else throw new DecodeError(`proto: illegal wireType ${wire}`);
  }

  /** All up to the end of a group, those within it included. */
  #ignoreGroup(): void {
    for (let depth = 1; depth > 0; ) {
      const { wire } = this.tag();
      if (wire === 3) depth++;
      else if (wire === 4) depth--;
      else this.ignore(wire);
    }
  }

  #length(): number {
    const length = this.#unsigned();
    if (typeof length === 'number') return length;
    // What ends beyond 64 bits does, too.
    const end = BigInt.asIntN(64, BigInt.asIntN(64, length) + BigInt(this.#at));
    const signed = BigInt.asIntN(64, length);
    if (signed < 0n || end < 0n) throw new DecodeError('proto: negative length found during unmarshaling');
    return Number(signed);
  }

  /** A tag or length, mostly small: without the cost of bigint. */
  #unsigned(): number | bigint {
    const start = this.#at;
    let result = 0;
    for (let shift = 0; shift < 49; shift += 7) {
      const byte = this.#byte();
      result += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return result;
    }
    this.#at = start;
    return this.varint();
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

function tagOf(value: number | bigint): Tag {
  if (typeof value === 'number' && value < 2 ** 32) return { id: value >>> 3, wire: value & 7 };
  const whole = BigInt.asUintN(64, BigInt(value));
  return { id: Number(BigInt.asIntN(32, whole >> 3n)), wire: Number(whole & 7n) };
}

/** Of a field that comes as something else than it is. */
export function wrongWireType(wire: number, field: string): DecodeError {
  return new DecodeError(`proto: wrong wireType = ${wire} for field ${field}`);
}
