import { pipeline, type Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { ImageError } from './image-error.ts';

/**
 * The plain bytes of a gzip, zstd or uncompressed stream, told apart by their first bytes whatever a media type or file
 * name says. Leaving the loop closes the source.
 * @throws ImageError Invalid – the compressed data is damaged, or of a program whose data is not read here.
 */
export async function* decompressed(source: Readable): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let plain: Transform | undefined;
  try {
    const { value: first, done } = await chunks.next();
    if (done) return;
    const all = joined(first, chunks);
    refuseUnread(first);
    plain = transformFor(first);
    // What fails on the way ends `plain` with it, and so the loop over it.
    if (plain) yield* pipeline(all, plain, () => undefined) as AsyncIterable<Buffer>;
    else yield* all;
  } catch (error) {
    if (!/^(Z_|ZSTD_)/.test(String((error as { code?: unknown }).code))) throw error;
    throw new ImageError('Invalid', `compressed data is damaged: ${(error as Error).message}`, { cause: error });
  } finally {
    source.destroy();
    plain?.destroy();
  }
}

async function* joined(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* { [Symbol.asyncIterator]: () => rest };
}

/** What "docker load" takes as well, by how it begins; a tar begins with a name, which may well be BZh. */
const unread = { xz: /^\xfd7zXZ\0/, bzip2: /^BZh[1-9]1AY&SY/ };

function refuseUnread(start: Buffer): void {
  const begins = start.toString('latin1', 0, 10);
  for (const [program, magic] of Object.entries(unread)) {
    const words = `compressed by ${program}, which is not read: unpack it first, with ${program} -d`;
    if (magic.test(begins)) throw new ImageError('Invalid', words);
  }
}

function transformFor(start: Buffer): Transform | undefined {
  if (start[0] === 0x1f && start[1] === 0x8b) return createGunzip();
  if (start.length >= 4 && start.readUInt32LE() === 0xfd2fb528) return createZstdDecompress();
  return undefined;
}
