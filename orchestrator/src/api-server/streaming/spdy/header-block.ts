import { constants, createInflate, type Inflate } from 'node:zlib';
import { spdyDictionary } from './dictionary.ts';
import { SpdyError } from './spdy-error.ts';

export type SpdyHeaders = Readonly<Record<string, string>>;

/** Far more than any client of ours sends; bounds what a small compressed block can become. */
const maxBlockBytes = 64 * 1024;

/** Reads the header blocks of one connection, which share one compression state: in order, one at a time. */
export class HeaderReader implements Disposable {
  readonly #inflate: Inflate;
  #chunks: Buffer[] = [];
  #length = 0;
  #reject: ((error: Error) => void) | undefined;

  constructor() {
    this.#inflate = createInflate({ dictionary: spdyDictionary, finishFlush: constants.Z_SYNC_FLUSH });
    this.#inflate.on('data', (chunk: Buffer) => {
      this.#length += chunk.length;
      if (this.#length > maxBlockBytes) this.#inflate.destroy();
      else this.#chunks.push(chunk);
    });
    this.#inflate.on('error', (error) => this.#reject?.(new SpdyError(`bad headers: ${error.message}`)));
  }

  /** @throws SpdyError – the block is no header block; the connection is of no more use */
  async read(block: Uint8Array): Promise<SpdyHeaders> {
    this.#chunks = [];
    this.#length = 0;
    await new Promise<void>((resolve, reject) => {
      this.#reject = reject;
      this.#inflate.write(block, (error) => (error ? reject(new SpdyError(error.message)) : resolve()));
    });
    if (this.#length > maxBlockBytes) throw new SpdyError('headers are too large');
    return parseBlock(Buffer.concat(this.#chunks));
  }

  [Symbol.dispose](): void {
    this.#inflate.destroy();
  }
}

/** Count, then for each name and value their lengths and bytes; names are lower-cased. */
function parseBlock(block: Buffer): SpdyHeaders {
  let at = 0;
  const number = () => {
    if (at + 4 > block.length) throw new SpdyError('headers are cut short');
    at += 4;
    return block.readUInt32BE(at - 4);
  };
  const text = () => {
    const length = number();
    if (at + length > block.length) throw new SpdyError('headers are cut short');
    at += length;
    return block.toString('utf8', at - length, at);
  };
  const headers: Record<string, string> = Object.create(null);
  for (let left = number(); left > 0; left--) headers[text().toLowerCase()] = text();
  return headers;
}

/**
 * Writes header blocks without compressing them: stored blocks are valid zlib and need no state but the first two bytes.
 */
export class HeaderWriter {
  #started = false;

  write(headers: SpdyHeaders): Buffer {
    const entries = Object.entries(headers);
    const parts = [uint32(entries.length), ...entries.flatMap(([name, value]) => [sized(name), sized(value)])];
    const plain = Buffer.concat(parts);
    const stored = Buffer.alloc(5);
    stored.writeUInt16LE(plain.length, 1);
    stored.writeUInt16LE(~plain.length & 0xffff, 3);
    const start = this.#started ? Buffer.alloc(0) : Buffer.from([0x78, 0x01]);
    this.#started = true;
    // An empty stored block is a sync flush: the reader gives out what it has.
    return Buffer.concat([start, stored, plain, Buffer.from([0, 0, 0, 0xff, 0xff])]);
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function sized(text: string): Buffer {
  return Buffer.concat([uint32(Buffer.byteLength(text)), Buffer.from(text)]);
}
