import type { Integer } from '@berth/kit';

const firstSize = 1024;

/**
 * Writes protobuf's wire format from its end to its beginning, so that what a length says is known when it is written.
 * Fields are written last first.
 */
export class WireWriter {
  #bytes = Buffer.allocUnsafe(firstSize);
  #start = firstSize;

  /** How much there is so far: the mark for {@link message}. */
  get length(): number {
    return this.#bytes.length - this.#start;
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(this.#start);
  }

  tag(id: number, wire: number): void {
    this.varint(id * 8 + wire);
  }

  /** An int32, int64, length or tag; negative ones as ten bytes of two's complement. */
  varint(value: Integer): void {
    if (typeof value === 'bigint' || value < 0 || !Number.isSafeInteger(value))
      return this.#largeVarint(BigInt.asUintN(64, BigInt(value)));
    let size = 1;
    for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++;
    this.#reserve(size);
    let rest = value;
    for (let i = 0; i < size; i++, rest = Math.floor(rest / 128))
      this.#bytes[this.#start + i] = (rest % 128) | (i < size - 1 ? 128 : 0);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#bytes.writeDoubleLE(value, this.#start);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#start);
    this.varint(value.length);
  }

  text(value: string): void {
    const size = Buffer.byteLength(value);
    this.#reserve(size);
    this.#bytes.write(value, this.#start);
    this.varint(size);
  }

  /** Ends a message whose fields were written since `mark`, which was {@link length} before them. */
  message(mark: number): void {
    this.varint(this.length - mark);
  }

  #largeVarint(value: bigint): void {
    const digits: number[] = [];
    for (let rest = value; ; rest >>= 7n) {
      digits.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
      if (rest <= 127n) break;
    }
    this.#reserve(digits.length);
    this.#bytes.set(digits, this.#start);
  }

  /** Makes room for so many bytes before what there is. */
  #reserve(size: number): void {
    if (size > this.#start) {
      const kept = this.length;
      const grown = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, kept + size));
      this.#bytes.copy(grown, grown.length - kept, this.#start);
      this.#start = grown.length - kept;
      this.#bytes = grown;
    }
    this.#start -= size;
  }
}
