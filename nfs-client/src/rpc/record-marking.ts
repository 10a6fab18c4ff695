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

/** Marks and small records land here; the bulk of a large one is received where it stays. */
const scratchBytes = 16 * 1024;
/** Below this, receiving in place saves less than it costs. */
const minDirectBytes = 4096;

/** Puts records together from a byte stream that cuts them anywhere. */
export class RecordReader {
  readonly #maxBytes: number;
  readonly #allocate: (length: number) => Buffer;
  readonly #scratch = Buffer.allocUnsafeSlow(scratchBytes);
  readonly #mark = Buffer.alloc(4);
  #markBytes = 0;
  #isLast = false;
  /** The fragment being filled, or undefined while its mark is read. */
  #fragment: Buffer | undefined;
  #filled = 0;
  #fragments: Buffer[] = [];
  #recordBytes = 0;

  /** `allocate` gives room for a fragment. */
  constructor(maxBytes: number, allocate: (length: number) => Buffer = (length) => Buffer.allocUnsafeSlow(length)) {
    this.#maxBytes = maxBytes;
    this.#allocate = allocate;
  }

  /** Where the next bytes of the stream are best received; say with `received` how many came. */
  space(): Buffer {
    const fragment = this.#fragment;
    return fragment && fragment.length - this.#filled >= minDirectBytes
      ? fragment.subarray(this.#filled)
      : this.#scratch;
  }

  /**
   * Takes the bytes received in what `space` answered, and gives the records they complete.
   * @throws NfsError BAD_REPLY – a record is longer than the limit; the stream can't be followed any more.
   */
  received(space: Uint8Array, bytes: number): Buffer[] {
    if (space.buffer === this.#scratch.buffer) return this.push(this.#scratch.subarray(0, bytes));
    const records: Buffer[] = [];
    this.#fill(bytes, records);
    return records;
  }

  /** Takes bytes from anywhere, copying them. @throws NfsError BAD_REPLY, as `received` does. */
  push(chunk: Buffer): Buffer[] {
    const records: Buffer[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (this.#fragment) {
        const copied = chunk.copy(this.#fragment, this.#filled, at);
        at += copied;
        this.#fill(copied, records);
        continue;
      }
      const copied = chunk.copy(this.#mark, this.#markBytes, at, at + 4 - this.#markBytes);
      at += copied;
      this.#markBytes += copied;
      if (this.#markBytes === 4) this.#beginFragment(records);
    }
    return records;
  }

  #beginFragment(records: Buffer[]): void {
    const mark = this.#mark.readUInt32BE();
    this.#markBytes = 0;
    this.#isLast = mark >= lastFragment;
    const length = mark & ~lastFragment;
    this.#recordBytes += length;
    if (this.#recordBytes > this.#maxBytes)
      throw badReply(`a record of ${this.#recordBytes} bytes, ${this.#maxBytes} are allowed`);
    if (this.#fragments.length >= maxFragments) throw badReply(`a record of more than ${maxFragments} fragments`);
    this.#fragment = this.#allocate(length);
    this.#filled = 0;
    this.#fill(0, records);
  }

  /** `bytes` more of the fragment are there. */
  #fill(bytes: number, records: Buffer[]): void {
    const fragment = this.#fragment as Buffer;
    this.#filled += bytes;
    if (this.#filled < fragment.length) return;
    this.#fragment = undefined;
    this.#fragments.push(fragment);
    if (!this.#isLast) return;
    records.push(this.#fragments.length === 1 ? fragment : Buffer.concat(this.#fragments));
    this.#fragments = [];
    this.#recordBytes = 0;
  }
}
