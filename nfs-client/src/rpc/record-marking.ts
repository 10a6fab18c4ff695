import { Buffer } from 'node:buffer';
import { badReply } from '../nfs-error.ts';

const lastFragment = 0x8000_0000;

/** Records come in one fragment from every server we know; a record of thousands of crumbs is an attack on memory. */
const maxFragments = 1024;

/** One record as one fragment (RFC 5531 §11): four bytes of length with the top bit set, then the message. */
export function frame(chunks: readonly Uint8Array[]): Uint8Array[] {
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const mark = Buffer.allocUnsafe(4);
  mark.writeUInt32BE((lastFragment | length) >>> 0);
  return [mark, ...chunks];
}

/** Puts records together from a byte stream that cuts them anywhere. */
export class RecordReader {
  readonly #maxBytes: number;
  readonly #mark = Buffer.alloc(4);
  #markBytes = 0;
  #isLast = false;
  /** The fragment being filled, or undefined while its mark is read. */
  #fragment: Buffer | undefined;
  #filled = 0;
  #fragments: Buffer[] = [];
  #recordBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The records that `chunk` completes; they may be views into it.
   * @throws NfsError BAD_REPLY – a record is longer than the limit; the stream can't be followed any more.
   */
  push(chunk: Buffer): Buffer[] {
    const records: Buffer[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (!this.#fragment) {
        at = this.#readMark(chunk, at);
        if (this.#markBytes < 4) break;
        const length = this.#beginFragment();
        if (chunk.length - at >= length) {
          this.#endFragment(chunk.subarray(at, at + length), records);
          at += length;
        } else {
          this.#fragment = Buffer.allocUnsafeSlow(length);
        }
        continue;
      }
      const copied = chunk.copy(this.#fragment, this.#filled, at);
      this.#filled += copied;
      at += copied;
      if (this.#filled === this.#fragment.length) this.#endFragment(this.#fragment, records);
    }
    return records;
  }

  #readMark(chunk: Buffer, at: number): number {
    const copied = chunk.copy(this.#mark, this.#markBytes, at, at + 4 - this.#markBytes);
    this.#markBytes += copied;
    return at + copied;
  }

  #beginFragment(): number {
    const mark = this.#mark.readUInt32BE();
    this.#isLast = mark >= lastFragment;
    const length = mark & ~lastFragment;
    this.#recordBytes += length;
    if (this.#recordBytes > this.#maxBytes)
      throw badReply(`a record of ${this.#recordBytes} bytes, ${this.#maxBytes} are allowed`);
    if (this.#fragments.length >= maxFragments) throw badReply(`a record of more than ${maxFragments} fragments`);
    this.#filled = 0;
    return length;
  }

  #endFragment(fragment: Buffer, records: Buffer[]): void {
    this.#fragment = undefined;
    this.#markBytes = 0;
    if (!this.#isLast) {
      this.#fragments.push(fragment);
      return;
    }
    records.push(this.#fragments.length === 0 ? fragment : Buffer.concat([...this.#fragments, fragment]));
    this.#fragments = [];
    this.#recordBytes = 0;
  }
}
