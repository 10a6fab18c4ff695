import { Readable } from 'node:stream';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decompressed } from './decompressed.ts';

async function read(bytes: Uint8Array): Promise<string> {
  return Buffer.concat(await Array.fromAsync(decompressed(Readable.from([Buffer.from(bytes)])))).toString();
}

const text = Buffer.from('the same bytes');

test.each([
  ['plain', text],
  ['gzip', gzipSync(text)],
  ['zstd', zstdCompressSync(text)],
])('%s is told by its first bytes', async (_, bytes) => {
  expect(await read(bytes)).toBe('the same bytes');
});

test.each([
  ['xz', Buffer.from('fd377a585a000004', 'hex')],
  ['bzip2', Buffer.from('BZh91AY&SY')],
])('%s is named as what is not read', async (program, bytes) => {
  const words = `compressed by ${program}, which is not read: unpack it first, with ${program} -d`;
  await expect(read(bytes)).rejects.toMatchObject({ code: 'Invalid', message: words });
});
