import { constants } from 'node:fs';
import { rootNode } from '@berth/fuse';
import { FakeClock, seededRng, silentLogger } from '@berth/kit';
import {
  type NfsAttributes,
  NfsError,
  type NfsFile,
  type NfsNode,
  type NfsProtocol,
  nfsHandle,
  stability,
  type WriteRequest,
} from '@berth/nfs-client';
import { expect, test } from 'vitest';
import { nfsFileSystem } from './nfs-file-system.ts';
import { tuningOf } from './tuning.ts';

const signal = new AbortController().signal;
const caller = { uid: 0, gid: 0, pid: 1 };
const { O_RDWR, O_APPEND, O_DSYNC, O_DIRECT } = constants;

/** A share of one file, whose server answers each write when it is let. */
function aShare() {
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  let flush = Promise.withResolvers<void>();
  flush.resolve();
  const server = { content: Buffer.alloc(0), changedNs: 1n, refusal: undefined as NfsError | undefined, calls: [''] };
  const attributesOf = (type: 'file' | 'directory') =>
    ({
      type,
      fileId: 1n,
      sizeBytes: server.content.length,
      modifiedNs: server.changedNs,
      changedNs: server.changedNs,
    }) as unknown as NfsAttributes;
  const root: NfsNode = { handle: nfsHandle(Buffer.from('root')), attributes: attributesOf('directory') };
  const handle = nfsHandle(Buffer.from('file'));
  const file = {
    handle,
    get attributes() {
      return attributesOf('file');
    },
    write: async ({ offset, data }: WriteRequest) => {
      await gate.promise;
      if (server.refusal) throw server.refusal;
      server.calls.push(`write ${offset}+${data.length}`);
      const size = Math.max(server.content.length, offset + data.length);
      server.content = Buffer.concat([server.content, Buffer.alloc(size - server.content.length)]);
      server.content.set(data, offset);
      server.changedNs += 1n;
      return { bytes: data.length, committed: stability.unstable, verifier: 'v' };
    },
    read: async ({ offset, length }: { readonly offset: number; readonly length: number }) => {
      server.calls.push('read');
      return { data: server.content.subarray(offset, offset + length), end: true };
    },
    commit: async () => {
      server.calls.push('commit');
      await flush.promise;
      return 'v';
    },
    setattr: async () => void server.calls.push('setattr'),
    close: async () => void server.calls.push('close'),
  } as unknown as NfsFile;
  const nfs = {
    limits: { readBytes: 1 << 20, writeBytes: 1 << 20 },
    as: () => nfs,
    lookup: async () => ({ handle, attributes: attributesOf('file') }),
    getattr: async () => {
      server.calls.push('getattr');
      return attributesOf('file');
    },
    setattr: async () => void server.calls.push('setattr'),
    openHandle: async () => file,
    giveBack: () => undefined,
  } as unknown as NfsProtocol;
  const forgotten: number[] = [];
  const kernel = { forgetAttributes: (node: number) => void forgotten.push(node) };
  const tools = { clock: new FakeClock(), rng: seededRng(1), log: silentLogger };
  const fs = nfsFileSystem({ nfs, root, tuning: tuningOf([]), kernel, ...tools });
  server.calls.length = 0;
  return {
    server,
    fs,
    forgotten,
    /** Answers to writes wait until this is disposed. */
    hold: () => {
      gate = Promise.withResolvers<void>();
      return { [Symbol.dispose]: () => gate.resolve() };
    },
    /** The same of COMMITs. */
    holdCommits: () => {
      flush = Promise.withResolvers<void>();
      return { [Symbol.dispose]: () => flush.resolve() };
    },
    open: async (flags = O_RDWR) => {
      const entry = await fs.lookup({ parent: rootNode, name: Buffer.from('file') }, caller, signal);
      const opened = await fs.open({ node: entry.node, flags }, caller, signal);
      const at = { node: entry.node, id: opened.id };
      return {
        ...at,
        opened,
        write: (offset: number, text: string, with_ = flags) =>
          fs.write({ ...at, offset, data: Buffer.from(text), flags: with_, isFromCache: false }, signal),
        sync: () => fs.sync(at, 'all', signal),
        read: async (offset: number, size: number) =>
          Buffer.from(await fs.read({ ...at, offset, size }, signal)).toString(),
        getattr: () => fs.getattr({ node: entry.node }, caller, signal),
        release: () => fs.release(at),
      };
    },
  };
}

const full = new NfsError('NOSPC', 'full');
const isNoSpace = expect.objectContaining({ code: 'ENOSPC' });

test('a write is answered before the server has it; sync waits, and then all of it is there', async () => {
  const w = aShare();
  const file = await w.open();
  let synced = false;
  let sync: Promise<void>;
  {
    using _held = w.hold();
    for (let i = 0; i < 4; i++) expect(await file.write(i * 2, 'ab')).toBe(2);
    sync = file.sync().then(() => {
      synced = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect([synced, w.server.content.length]).toEqual([false, 0]);
  }
  await sync;
  expect(w.server.content.toString()).toBe('abababab');
  expect(w.server.calls.at(-1)).toBe('commit');
});

test('what the server refuses is told once to each who has the file open, and the kernel’s cache is not believed', async () => {
  const w = aShare();
  const [first, second] = [await w.open(), await w.open()];
  w.server.refusal = full;
  await first.write(0, 'lost');
  await expect(first.sync()).rejects.toEqual(isNoSpace);
  await first.sync();
  expect(w.forgotten).toContain(first.node);
  await expect(second.write(0, 'x')).rejects.toEqual(isNoSpace);
  w.server.refusal = undefined;
  await second.write(0, 'kept');
  await second.sync();
  expect(w.server.content.toString()).toBe('kept');
  const third = await w.open();
  expect(third.opened.keepCache).toBe(false);
  await third.sync();
});

test('looking, reading and changing attributes come after what was written before', async () => {
  const w = aShare();
  const file = await w.open();
  const order: string[] = [];
  let all: Promise<unknown>;
  {
    using _held = w.hold();
    await file.write(0, 'abcdef');
    all = Promise.all([
      file.read(2, 2).then((text) => order.push(text)),
      file.getattr().then(({ stat }) => order.push(String(stat.sizeBytes))),
      w.fs.setattr({ node: file.node, changes: { modifiedNs: 5n } }, caller, signal),
    ]);
    await new Promise((resolve) => setImmediate(resolve));
    expect([order, w.server.calls]).toEqual([[], []]);
  }
  await all;
  expect(order.sort()).toEqual(['6', 'cd']);
  expect(w.server.calls[0]).toBe('write 0+6');
});

test('a read elsewhere in the file waits for nobody', async () => {
  const w = aShare();
  w.server.content = Buffer.from('0123456789');
  const file = await w.open();
  using _held = w.hold();
  await file.write(8, 'xx');
  expect(await file.read(0, 4)).toBe('0123');
});

for (const [what, flags] of Object.entries({ O_APPEND, O_DSYNC, O_DIRECT })) {
  test(`a write with ${what} waits for the server, and is told itself what that refuses`, async () => {
    const w = aShare();
    const file = await w.open(O_RDWR | flags);
    await file.write(0, 'ab');
    expect(w.server.content.toString()).toBe('ab');
    w.server.refusal = full;
    await expect(file.write(2, 'cd')).rejects.toEqual(isNoSpace);
    w.server.refusal = undefined;
    await file.sync();
  });
}

test('closing waits for what is under way before the server hears of it', async () => {
  const w = aShare();
  const file = await w.open();
  let released: Promise<void>;
  {
    using _held = w.hold();
    await file.write(0, 'late');
    released = file.release();
    await new Promise((resolve) => setImmediate(resolve));
    expect(w.server.calls).toEqual([]);
  }
  await released;
  expect(w.server.calls).toEqual(['write 0+4', 'commit', 'close']);
});

test('a COMMIT that takes long holds up no write while there is room for it, and then all of them', async () => {
  const w = aShare();
  const file = await w.open();
  const megabyte = 'x'.repeat(1 << 20);
  const commits = () => w.server.calls.filter((call) => call === 'commit').length;
  let taken = 0;
  let writing: Promise<void>;
  {
    using _held = w.holdCommits();
    writing = (async () => {
      for (; taken < 100; taken++) await file.write(0, megabyte);
    })();
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect([taken, commits()]).toEqual([48, 1]);
  }
  await writing;
  await file.sync();
  expect(commits()).toBeLessThan(20);
});
