import type { LogRow } from './sqlite-protocol.ts';
import { StoreError } from './store-error.ts';

/** What a backup is on its way: a line of JSON for each row, and its value behind it; the last line tells that all was there. */
export const backupContentType = 'application/vnd.berth.backup';

type Header = readonly [revision: number, key: string, created: number, expires: number | null, bytes: number | null];

interface End {
  readonly compacted: number;
}

export function encodeRows(rows: readonly LogRow[]): Uint8Array {
  return Buffer.concat(
    rows.flatMap(({ revision, key, created, expires, value }) => {
      const header: Header = [revision, key, created, expires, value?.byteLength ?? null];
      return [lineOf(header), value ?? new Uint8Array()];
    }),
  );
}

export function encodeEnd(end: End): Uint8Array {
  return lineOf(end);
}

function lineOf(record: Header | End): Buffer {
  return Buffer.from(`${JSON.stringify(record)}\n`);
}

/** Calls `take` for each row. @returns what the end tells. @throws StoreError Corrupt – it broke off. */
export async function decodeBackup(chunks: AsyncIterable<Uint8Array>, take: (row: LogRow) => void): Promise<End> {
  const reader = new Reader(chunks);
  for (;;) {
    const record = JSON.parse(await reader.line()) as Header | End;
    if (!Array.isArray(record)) return record as End;
    const [revision, key, created, expires, bytes] = record as Header;
    take({ revision, key, created, expires, value: bytes === null ? null : await reader.bytes(bytes) });
  }
}

const newline = 10;

class Reader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    while (!this.#rest.includes(newline)) this.#rest = Buffer.concat([this.#rest, await this.#next()]);
    const end = this.#rest.indexOf(newline);
    const line = this.#rest.toString('utf8', 0, end);
    this.#rest = this.#rest.subarray(end + 1);
    return line;
  }

  async bytes(count: number): Promise<Uint8Array> {
    // Each is copied once, of however many a value of megabytes comes.
    const pieces = [this.#rest];
    for (let missing = count - this.#rest.byteLength; missing > 0; ) {
      const piece = await this.#next();
      missing -= piece.byteLength;
      pieces.push(piece);
    }
    const all = pieces.length === 1 ? this.#rest : Buffer.concat(pieces);
    this.#rest = all.subarray(count);
    return all.subarray(0, count);
  }

  async #next(): Promise<Buffer> {
    const { done, value } = await this.#chunks.next();
    if (done) throw new StoreError('Corrupt', 'the backup broke off');
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
}
