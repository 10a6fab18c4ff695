import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryFile } from '../testing/memory-file.ts';
import { byteBlocks } from './byte-blocks.ts';
import { readStream } from './read-stream.ts';

const { signal } = new AbortController();

async function readAll(file: MemoryFile, options: { offset?: number; length?: number; chunkBytes: number }) {
  return Buffer.concat(await Array.fromAsync(readStream(file, options, signal)));
}

test('any range comes whole and in order, also where the server sends less than asked or the size it told is wrong', async () => {
  const content = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  const size = fc.nat(400);
  await fc.assert(
    fc.asyncProperty(
      content,
      size,
      size,
      fc.record({ offset: size, chunk: fc.integer({ min: 1, max: 90 }), most: fc.integer({ min: 1, max: 50 }) }),
      async (bytes, known, length, { offset, chunk, most }) => {
        const file = new MemoryFile(bytes, known);
        file.mostBytes = most;
        const got = await readAll(file, { offset, length, chunkBytes: chunk });
        expect(got).toEqual(bytes.subarray(offset, offset + length));
        expect(await readAll(file, { chunkBytes: chunk })).toEqual(bytes);
      },
    ),
    { numRuns: 60 },
  );
});

test('several reads are under way at a time, and not more than four', async () => {
  const file = new MemoryFile(randomBytes(100_000));
  await readAll(file, { chunkBytes: 1000 });
  expect(file.mostOpenCalls).toBe(4);
});

test('leaving the loop waits for the reads under way', async () => {
  const file = new MemoryFile(randomBytes(100_000));
  for await (const _ of readStream(file, { chunkBytes: 1000 }, signal)) break;
  expect(file.openCalls).toBe(0);
});

test('a server that sends nothing and claims more is BAD_REPLY', async () => {
  const file = new MemoryFile(Buffer.alloc(100));
  file.mostBytes = 0;
  await expect(readAll(file, { chunkBytes: 10 })).rejects.toMatchObject({ code: 'BAD_REPLY' });
});

test('blocks have one size but the last, whatever the chunks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 50 })),
      fc.integer({ min: 1, max: 30 }),
      async (chunks, size) => {
        const blocks = await Array.fromAsync(byteBlocks(chunks, size));
        expect(Buffer.concat(blocks)).toEqual(Buffer.concat(chunks));
        for (const block of blocks.slice(0, -1)) expect(block.length).toBe(size);
      },
    ),
  );
});
