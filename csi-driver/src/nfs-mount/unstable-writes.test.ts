import { isNfsError, NfsError, type NfsFile, stability, type WriteRequest } from '@berth/nfs-client';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UnstableWrites } from './unstable-writes.ts';

/** A server's file that loses what was not committed when the server restarts. */
class LossyFile {
  content = Buffer.alloc(64);
  disk = Buffer.alloc(64);
  boot = 1;
  mostBytes = 64;
  failure: NfsError | undefined;
  onCommit: () => void = () => undefined;

  restart(): void {
    this.content = Buffer.from(this.disk);
    this.boot += 1;
  }

  asFile(): NfsFile {
    const write = async ({ offset, data }: WriteRequest) => {
      await Promise.resolve();
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
          await writes.write(server.asFile(), { offset: one.offset, data, chunkBytes: 7 }, signal);
        }
      }
    }),
  );
});

test('a restart during the commit, and writes that come meanwhile, lose nothing', async () => {
  const server = new LossyFile();
  const writes = new UnstableWrites();
  const file = server.asFile();
  const put = (value: number) => writes.write(file, { offset: 0, data: Buffer.alloc(8, value), chunkBytes: 8 }, signal);
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
  await writes.write(server.asFile(), { offset: 0, data: Buffer.from('x'), chunkBytes: 8 }, signal);
  server.failure = new NfsError('NOSPC', 'full');
  await expect(writes.commit(server.asFile(), signal)).rejects.toSatisfy((error) => isNfsError(error, 'NOSPC'));
  await writes.commit(server.asFile(), signal);
  expect(writes.bytes).toBe(0);
});

test('a server that takes nothing is not asked for ever', async () => {
  const server = new LossyFile();
  server.mostBytes = 0;
  const writing = new UnstableWrites().write(
    server.asFile(),
    { offset: 0, data: Buffer.from('x'), chunkBytes: 8 },
    signal,
  );
  await expect(writing).rejects.toThrow(/wrote nothing/);
});
