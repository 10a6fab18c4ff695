import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryFile } from '../testing/memory-file.ts';
import { byteBlocks } from './byte-blocks.ts';
import { readStream } from './read-stream.ts';
import { writeStream } from './write-stream.ts';

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

test('what a restarted server lost before the commit is sent again', async () => {
  const data = randomBytes(200_000);
  const file = new MemoryFile();
  file.onWrite = () => file.writes === 120 && file.restart();
  expect(await writeStream(file, [data], { offset: 0, chunkBytes: 1000, signal })).toBe(data.length);
  expect(file.content.equals(data)).toBe(true);
  expect(file.writes).toBeGreaterThan(300);
});

test('a restart between the last write and the commit is seen by the verifier', async () => {
  const data = randomBytes(50_000);
  const file = new MemoryFile();
  file.onCommit = () => file.commits === 1 && file.restart();
  await writeStream(file, [data], { offset: 0, chunkBytes: 1000, signal });
  expect(file.content.equals(data)).toBe(true);
});

test('memory stays bounded: a long stream is committed batch by batch while it goes on', async () => {
  const file = new MemoryFile();
  file.content = Buffer.alloc(64 << 20);
  const chunk = randomBytes(1 << 20);
  const written = await writeStream(file, Array(64).fill(chunk), { offset: 0, chunkBytes: 1 << 20, signal });
  expect(written).toBe(64 << 20);
  expect(file.commits).toBe(4);
  expect(file.mostOpenCalls).toBeLessThanOrEqual(9);
});

test('short writes go on where the server stopped; small files need one call', async () => {
  const file = new MemoryFile();
  file.mostBytes = 300;
  const data = randomBytes(10_000);
  await writeStream(file, [data], { offset: 5, chunkBytes: 1000, signal });
  expect(file.content.subarray(5).equals(data)).toBe(true);
  const small = new MemoryFile();
  await writeStream(small, [Buffer.from('ab'), Buffer.from('c')], { offset: 0, chunkBytes: 1000, signal });
  expect([small.content.toString(), small.writes, small.commits]).toEqual(['abc', 1, 0]);
});

test('a source that fails ends the stream with its error and nothing under way', async () => {
  const file = new MemoryFile();
  async function* source() {
    yield randomBytes(5000);
    throw new Error('source broke');
  }
  await expect(writeStream(file, source(), { offset: 0, chunkBytes: 100, signal })).rejects.toThrow('source broke');
  expect(file.openCalls).toBe(0);
});

test('a write that fails ends the stream and the source', async () => {
  const file = new MemoryFile();
  file.onWrite = () => {
    if (file.writes === 3) throw new Error('NOSPC');
  };
  let closed = false;
  async function* source() {
    try {
      while (true) yield Buffer.alloc(4 << 20);
    } finally {
      closed = true;
    }
  }
  await expect(writeStream(file, source(), { offset: 0, chunkBytes: 1 << 20, signal })).rejects.toThrow('NOSPC');
  expect(closed).toBe(true);
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
