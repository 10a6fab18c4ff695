import { ImageError } from './image-error.ts';

/** A byte stream taken in pieces of the reader's choosing; holds one chunk of the source and one piece at most. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** At most `size` bytes, as they lie; empty at the end. */
  async some(size: number): Promise<Buffer> {
    while (this.#chunk.length === 0) {
      const { value, done } = await this.#source.next();
      if (done) return Buffer.alloc(0);
      this.#chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
    const part = this.#chunk.subarray(0, size);
    this.#chunk = this.#chunk.subarray(part.length);
    return part;
  }

  /** `size` bytes, fewer only at the end of the source. */
  async take(size: number): Promise<Buffer> {
    if (this.#chunk.length >= size) return this.some(size);
    const parts: Buffer[] = [];
    for (let missing = size; missing > 0; ) {
      const part = await this.some(missing);
      if (part.length === 0) break;
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }

  /** @throws ImageError Invalid – fewer are left. */
  async takeWhole(size: number): Promise<Buffer> {
    const bytes = await this.take(size);
    if (bytes.length < size) throw damaged('it is cut short');
    return bytes;
  }

  /** @throws ImageError Invalid – fewer are left. */
  async skip(size: number): Promise<void> {
    for (let missing = size; missing > 0; ) {
      const part = await this.some(missing);
      if (part.length === 0) throw damaged('it is cut short');
      missing -= part.length;
    }
  }

  async drain(): Promise<void> {
    while ((await this.some(Number.MAX_SAFE_INTEGER)).length > 0);
  }

  /** The next `size` bytes as a stream of their own. */
  limited(size: number): { chunks: () => AsyncGenerator<Uint8Array>; leftBytes: () => number } {
    let left = size;
    const take = (most: number) => this.some(most);
    async function* chunks(): AsyncGenerator<Uint8Array> {
      while (left > 0) {
        const part = await take(left);
        if (part.length === 0) throw damaged('it is cut short');
        left -= part.length;
        yield part;
      }
    }
    return { chunks, leftBytes: () => left };
  }

  /** Lets go of the source. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }
}

export function damaged(why: string): ImageError {
  return new ImageError('Invalid', `not a sound tar archive: ${why}`);
}
