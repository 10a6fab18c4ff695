import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryFile } from '../testing/memory-file.ts';
import { WriteMemory } from './write-memory.ts';
import { type WriteStreamOptions, writeStream } from './write-stream.ts';

const { signal } = new AbortController();
const how = (chunkBytes: number, change: Partial<WriteStreamOptions> = {}) => ({
  ...{ offset: 0, chunkBytes, memory: new WriteMemory(), signal },
  ...change,
});
/** A server far away: everything that can happen before its answer has happened. */
const aWhile = async (turns = 50) => {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** Chunks without end, counted. */
function anEndlessSource(bytes: number) {
  const source = {
    given: 0,
    isClosed: false,
    async *[Symbol.asyncIterator]() {
      try {
        for (; ; source.given += bytes) yield Buffer.alloc(bytes, 1);
      } finally {
        source.isClosed = true;
      }
    },
  };
  return source;
}

test('whatever restarts when, however little a write takes and however late a commit is, all arrives', async () => {
  const run = fc.record({
    bytes: fc.integer({ min: 0, max: 4000 }),
    chunkBytes: fc.integer({ min: 20, max: 300 }),
    mostBytes: fc.integer({ min: 15, max: 400 }),
    commitTurns: fc.nat(12),
    restarts: fc.array(fc.nat(60), { maxLength: 4 }),
    restartAtCommit: fc.option(fc.integer({ min: 1, max: 3 })),
    allBytes: fc.integer({ min: 100, max: 3000 }),
    hole: fc.tuple(fc.nat(4000), fc.nat(4000)),
    holes: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(run, async ({ bytes, chunkBytes, mostBytes, commitTurns, holes, ...rest }) => {
      const data = randomBytes(bytes).fill(0, ...rest.hole.map((at) => Math.min(at, bytes)).sort((a, b) => a - b));
      const file = new MemoryFile();
      file.mostBytes = mostBytes;
      file.onWrite = () => rest.restarts.includes(file.writes) && file.restart();
      file.onCommit = async () => {
        const isMoment = file.commits === rest.restartAtCommit;
        await aWhile(commitTurns);
        if (isMoment) file.restart();
      };
      const memory = new WriteMemory({ allBytes: rest.allBytes, leastBytes: 50 });
      expect(await writeStream(file, [data], how(chunkBytes, { memory, holes }))).toBe(bytes);
      file.restart();
      expect(file.content.equals(data)).toBe(true);
    }),
    { numRuns: 150 },
  );
});

test('what a restarted server lost before the commit is sent again', async () => {
  const data = randomBytes(200_000);
  const file = new MemoryFile();
  file.onWrite = () => file.writes === 120 && file.restart();
  expect(await writeStream(file, [data], how(1000))).toBe(data.length);
  expect(file.content.equals(data)).toBe(true);
  expect(file.writes).toBeGreaterThan(300);
});

test('a restart between the last write and the commit is seen by the verifier', async () => {
  const data = randomBytes(50_000);
  const file = new MemoryFile();
  file.onCommit = () => {
    if (file.commits === 1) file.restart();
  };
  await writeStream(file, [data], how(1000));
  expect(file.content.equals(data)).toBe(true);
});

test('a megabyte a write, four are under way; short ones are as many as make up for it', async () => {
  for (const [chunkBytes, most] of [
    [1 << 20, 4],
    [1 << 18, 16],
    [100, 32],
  ] as const) {
    const file = new MemoryFile();
    await writeStream(file, [Buffer.alloc(chunkBytes * (most + 2))], how(chunkBytes));
    expect(file.mostOpenCalls, String(chunkBytes)).toBe(most);
  }
});

test('a long stream is committed while it goes on, and a late COMMIT is not waited for while there is room', async () => {
  const file = new MemoryFile();
  const late = Promise.withResolvers<void>();
  file.onCommit = async () => await (file.commits === 1 ? late.promise : undefined);
  const source = anEndlessSource(1000);
  const stop = new AbortController();
  const memory = new WriteMemory({ allBytes: 100_000, leastBytes: 1000 });
  const writing = writeStream(file, source, how(1000, { memory, signal: stop.signal }));
  writing.catch(() => undefined);
  await aWhile(150);
  expect([file.commits, file.unstableBytes]).toEqual([1, 100_000]);
  expect(source.given).toBeLessThanOrEqual(103_000);
  late.resolve();
  await aWhile(150);
  expect(file.commits).toBeGreaterThan(3);
  expect(source.given).toBeGreaterThan(200_000);
  stop.abort(new Error('enough'));
  await expect(writing).rejects.toThrow('enough');
  expect([file.openCalls, source.isClosed]).toEqual([0, true]);
});

test('streams of one connection share what may be kept, and one that waits for room can be let go', async () => {
  const memory = new WriteMemory({ allBytes: 64_000, leastBytes: 8000 });
  const stop = new AbortController();
  const never = Promise.withResolvers<void>();
  stop.signal.addEventListener('abort', () => never.reject(stop.signal.reason));
  const files = Array.from({ length: 4 }, () => new MemoryFile());
  const writing = files.map((file) => {
    file.onCommit = () => never.promise;
    return writeStream(file, anEndlessSource(1000), how(1000, { memory, signal: stop.signal }));
  });
  const ended = Promise.allSettled(writing);
  await aWhile(150);
  expect(memory.bytesEach).toBe(16_000);
  for (const { unstableBytes } of files) expect(unstableBytes).toBe(16_000);
  stop.abort(new Error('let go'));
  for (const one of await ended) expect(one).toMatchObject({ reason: { message: 'let go' } });
  expect(memory.bytesEach).toBe(64_000);
  const many = Array.from({ length: 20 }, () => memory.enter());
  expect(memory.bytesEach).toBe(8000);
  for (const one of [...many, ...many]) one[Symbol.dispose]();
  expect(memory.bytesEach).toBe(64_000);
});

test('the last COMMIT goes beside one under way, and both are waited for', async () => {
  const file = new MemoryFile();
  const answers = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  file.onCommit = async () => await answers[file.commits - 1]?.promise;
  let done = false;
  const memory = new WriteMemory({ allBytes: 40_000, leastBytes: 1000 });
  const writing = writeStream(file, [Buffer.alloc(25_000)], how(1000, { memory })).then(() => {
    done = true;
  });
  await aWhile(200);
  expect(file.commits).toBe(2);
  answers[1].resolve();
  await aWhile();
  expect(done).toBe(false);
  answers[0].resolve();
  await writing;
  expect(file.unstableBytes).toBe(0);
});

test.each([1, 2])('COMMIT number %i that fails ends the stream with its error', async (number) => {
  const file = new MemoryFile();
  file.onCommit = async () => {
    const isIt = file.commits === number;
    await aWhile(10);
    if (isIt) throw new Error('EIO');
  };
  const memory = new WriteMemory({ allBytes: 40_000, leastBytes: 1000 });
  await expect(writeStream(file, [Buffer.alloc(25_000)], how(1000, { memory }))).rejects.toThrow('EIO');
  expect(file.openCalls).toBe(0);
});

test('short writes go on where the server stopped; small files need one call', async () => {
  const file = new MemoryFile();
  file.mostBytes = 300;
  const data = randomBytes(10_000);
  await writeStream(file, [data], how(1000, { offset: 5 }));
  expect(file.content.subarray(5).equals(data)).toBe(true);
  const small = new MemoryFile();
  await writeStream(small, [Buffer.from('ab'), Buffer.from('c')], how(1000));
  expect([small.content.toString(), small.writes, small.commits]).toEqual(['abc', 1, 0]);
});

test('a source that fails ends the stream with its error and nothing under way', async () => {
  const file = new MemoryFile();
  async function* source() {
    yield randomBytes(5000);
    throw new Error('source broke');
  }
  await expect(writeStream(file, source(), how(100))).rejects.toThrow('source broke');
  expect(file.openCalls).toBe(0);
});

test('a write that fails ends the stream and the source', async () => {
  const file = new MemoryFile();
  file.onWrite = () => {
    if (file.writes === 3) throw new Error('NOSPC');
  };
  const source = anEndlessSource(4 << 20);
  await expect(writeStream(file, source, how(1 << 20))).rejects.toThrow('NOSPC');
  expect(source.isClosed).toBe(true);
});
