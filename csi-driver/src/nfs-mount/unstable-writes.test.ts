import { isNfsError, NfsError, type NfsFile, stability, type WriteRequest } from '@berth/nfs-client';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UnstableWrites, type Writer } from './unstable-writes.ts';

/** A server's file that loses what was not committed when the server restarts. */
class LossyFile {
  content = Buffer.alloc(64);
  disk = Buffer.alloc(64);
  boot = 1;
  mostBytes = 64;
  failure: NfsError | undefined;
  refusal: NfsError | undefined;
  /** Offsets and lengths, as they came. */
  readonly writes: [offset: number, length: number][] = [];
  /** What is sent at the same time may arrive in any order. */
  arrival: () => Promise<unknown> = () => Promise.resolve();
  onCommit: () => void = () => undefined;

  restart(): void {
    this.content = Buffer.from(this.disk);
    this.boot += 1;
  }

  asWriter(chunkBytes: number): Writer {
    const file = this.asFile();
    return { chunkBytes, send: (what) => file.write(what, signal) };
  }

  asFile(): NfsFile {
    const write = async ({ offset, data }: WriteRequest) => {
      await this.arrival();
      if (this.refusal) throw this.refusal;
      this.writes.push([offset, data.length]);
      const part = data.subarray(0, this.mostBytes);
      this.content.set(part, offset);
      return { bytes: part.length, committed: stability.unstable, verifier: String(this.boot) };
    };
    const commit = async () => {
      await Promise.resolve();
      this.onCommit();
      if (this.failure) throw this.failure;
      this.disk = Buffer.from(this.content);
      return String(this.boot);
    };
    return { write, commit } as unknown as NfsFile;
  }
}

const signal = new AbortController().signal;

test('whenever the server restarts, what a commit confirmed is on its disk, later writes over earlier ones', async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ offset: fc.nat(40), length: fc.integer({ min: 1, max: 20 }) }) },
    { weight: 2, arbitrary: fc.constant('restart' as const) },
    { weight: 2, arbitrary: fc.constant('commit' as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 20 }), async (steps, mostBytes) => {
      const server = new LossyFile();
      server.mostBytes = mostBytes;
      const writes = new UnstableWrites();
      const model = Buffer.alloc(64);
      for (const [index, one] of [...steps, 'commit' as const].entries()) {
        if (one === 'restart') server.restart();
        else if (one === 'commit') {
          await writes.commit(server.asFile(), signal);
          expect(server.disk.equals(model)).toBe(true);
          expect(writes.bytes).toBe(0);
        } else {
          const data = Buffer.alloc(one.length, index + 1);
          model.set(data, one.offset);
          await writes.write(server.asWriter(7), { offset: one.offset, data }, signal);
        }
      }
    }),
  );
});

test('a restart during the commit, and writes that come meanwhile, lose nothing', async () => {
  const server = new LossyFile();
  const writes = new UnstableWrites();
  const file = server.asFile();
  const put = (value: number) => writes.write(server.asWriter(8), { offset: 0, data: Buffer.alloc(8, value) }, signal);
  await put(1);
  server.restart();
  let later: Promise<void> | undefined;
  server.onCommit = () => {
    server.onCommit = () => undefined;
    later = put(2);
  };
  await writes.commit(file, signal);
  await later;
  await writes.commit(file, signal);
  expect(server.disk.subarray(0, 8)).toEqual(Buffer.alloc(8, 2));
});

test('what the server refuses is told once, and not tried for ever', async () => {
  const server = new LossyFile();
  const writes = new UnstableWrites();
  await writes.write(server.asWriter(8), { offset: 0, data: Buffer.from('x') }, signal);
  server.failure = new NfsError('NOSPC', 'full');
  await expect(writes.commit(server.asFile(), signal)).rejects.toSatisfy((error) => isNfsError(error, 'NOSPC'));
  await writes.commit(server.asFile(), signal);
  expect(writes.bytes).toBe(0);
});

test('a server that takes nothing is not asked for ever', async () => {
  const server = new LossyFile();
  server.mostBytes = 0;
  const writing = new UnstableWrites().write(server.asWriter(8), { offset: 0, data: Buffer.from('x') }, signal);
  await expect(writing).rejects.toThrow(/wrote nothing/);
});

test('what is taken on trust goes side by side and arrives in any order, and yet later bytes are over earlier ones', async () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ offset: fc.nat(40), length: fc.integer({ min: 1, max: 20 }) }) },
    // Pages: one begins where another ends, so that they are put together.
    { weight: 8, arbitrary: fc.nat(3).map((page) => ({ offset: 4 * page, length: 4 })) },
    { weight: 1, arbitrary: fc.constant('restart' as const) },
    { weight: 1, arbitrary: fc.constant('commit' as const) },
    { weight: 1, arbitrary: fc.constant('behind' as const) },
    { weight: 1, arbitrary: fc.constant('drain' as const) },
  );
  const delays = fc.infiniteStream(fc.nat(40));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), delays, async (steps, delay) => {
      const server = new LossyFile();
      server.arrival = async () => {
        for (let turns = delay.next().value ?? 0; turns > 0; turns--) await Promise.resolve();
      };
      const [writes, writer, file] = [new UnstableWrites(), server.asWriter(12), server.asFile()];
      const model = Buffer.alloc(64);
      for (const [index, one] of [...steps, 'commit' as const].entries()) {
        if (one === 'restart') server.restart();
        else if (one === 'behind') void writes.commitBehind(file, signal);
        else if (one === 'drain') await writes.drain(signal);
        else if (one === 'commit') {
          await writes.commit(file, signal);
          expect(server.disk.equals(model)).toBe(true);
          expect([writes.bytes, writes.isPending, writes.failures]).toEqual([0, false, 0]);
        } else {
          const data = Buffer.alloc(one.length, index + 1);
          model.set(data, one.offset);
          await writes.accept(writer, { offset: one.offset, data }, signal);
        }
      }
    }),
  );
});

test('small writes behind those under way are put together, up to what the server takes', async () => {
  const server = new LossyFile();
  const gate = Promise.withResolvers<void>();
  server.arrival = () => gate.promise;
  const [writes, writer] = [new UnstableWrites(), server.asWriter(6)];
  for (let at = 0; at < 24; at += 2) await writes.accept(writer, { offset: at, data: Buffer.alloc(2, at) }, signal);
  gate.resolve();
  await writes.drain(signal);
  expect(server.writes).toEqual([...Array.from({ length: 8 }, (_, i) => [i * 2, 2]), [16, 6], [22, 2]]);
});

test('what is put together does not pass an older write of its second part', async () => {
  const server = new LossyFile();
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  let sent = 0;
  server.arrival = () => gates[sent++]?.promise ?? Promise.resolve();
  const [writes, writer] = [new UnstableWrites(), server.asWriter(12)];
  for (const [offset, value] of [
    [0, 1],
    [4, 2],
    [0, 3],
    [4, 4],
  ] as const)
    await writes.accept(writer, { offset, data: Buffer.alloc(4, value) }, signal);
  for (const index of [0, 2, 3, 1]) {
    gates[index]?.resolve();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writes.drain(signal);
  expect([...server.content.subarray(0, 8)]).toEqual([3, 3, 3, 3, 4, 4, 4, 4]);
});

test('a refusal is told by the count of failures, and what is held goes', async () => {
  const server = new LossyFile();
  let heard = 0;
  const writes = new UnstableWrites(() => heard++);
  server.refusal = new NfsError('NOSPC', 'full');
  await writes.accept(server.asWriter(8), { offset: 0, data: Buffer.alloc(20) }, signal);
  await writes.drain(signal);
  expect([writes.failures, writes.lastFailure, writes.bytes, heard]).toEqual([1, server.refusal, 0, 1]);
  server.refusal = undefined;
  await writes.accept(server.asWriter(8), { offset: 0, data: Buffer.alloc(8, 1) }, signal);
  await writes.commit(server.asFile(), signal);
  expect([writes.failures, server.disk[0]]).toEqual([1, 1]);
});

test('whoever writes faster than the server takes it waits, and can be let go', async () => {
  const server = new LossyFile();
  const gate = Promise.withResolvers<void>();
  server.arrival = () => gate.promise;
  server.content = Buffer.alloc(16 << 20);
  server.mostBytes = 1 << 20;
  const [writes, writer] = [new UnstableWrites(), server.asWriter(1 << 20)];
  for (let at = 0; at < 8; at++) await writes.accept(writer, { offset: at << 20, data: Buffer.alloc(1 << 20) }, signal);
  const gone = new AbortController();
  const impatient = writes.accept(writer, { offset: 8 << 20, data: Buffer.alloc(1 << 20) }, gone.signal);
  gone.abort(new Error('killed'));
  await expect(impatient).rejects.toThrow('killed');
  const patient = writes.accept(writer, { offset: 8 << 20, data: Buffer.alloc(1 << 20, 7) }, signal);
  gate.resolve();
  await patient;
  await writes.drain(signal);
  expect([writes.bytes, server.content[8 << 20]]).toEqual([9 << 20, 7]);
});
