import { FakeClock, seededRng, silentLogger } from '@berth/kit';
import type { DirectoryCursor, NfsHandle, NfsNode, NfsProtocol } from '@berth/nfs-client';
import { expect, test } from 'vitest';
import { DirectoryReader } from './directory-reader.ts';
import { Share } from './share.ts';
import { tuningOf } from './tuning.ts';

const signal = new AbortController().signal;
const caller = { uid: 0, gid: 0, pid: 0 };

function attributes(type: 'file' | 'directory', fileId: bigint): NfsNode['attributes'] {
  const times = { accessedNs: 0n, modifiedNs: 0n, changedNs: 0n };
  const device = { major: 0, minor: 0 };
  const owner = { mode: 0o644, links: 1, uid: 0, gid: 0 };
  return { type, fileId, ...owner, ...times, device, sizeBytes: 0, usedBytes: 0, fsId: 'a' };
}

const handleOf = (text: string) => Buffer.from(text) as unknown as NfsHandle;

/** A directory whose cookies are any 64 bits, in pages of three. */
function harness(count: number) {
  const names = Array.from({ length: count }, (_, index) => `f${index}`);
  const cookieOf = (index: number) => 2n ** 64n - BigInt(index + 1);
  let pages = 0;
  const readdir = async (_dir: NfsHandle, cursor: DirectoryCursor | undefined) => {
    pages += 1;
    const from = cursor ? Number(2n ** 64n - cursor.cookie) : 0;
    const entries = names.slice(from, from + 3).map((name, at) => ({
      name,
      fileId: BigInt(from + at),
      cookie: cookieOf(from + at),
      handle: handleOf(name),
      attributes: attributes('file', BigInt(from + at)),
    }));
    const next = { cookie: cookieOf(from + entries.length - 1), verifier: Buffer.alloc(8) };
    return { entries, next, end: from + 3 >= names.length };
  };
  const nfs = { readdir, as: () => nfs } as unknown as NfsProtocol;
  const root = { handle: handleOf('root'), attributes: attributes('directory', 1n) };
  const injected = { clock: new FakeClock(), rng: seededRng(1), log: silentLogger };
  const kernel = { forgetAttributes: () => undefined };
  const share = new Share({ nfs, root, tuning: tuningOf([]), kernel, ...injected });
  return { share, reader: new DirectoryReader(share, share.node(1), caller), pages: () => pages };
}

async function list(reader: DirectoryReader, from: number, room: number, plus = false) {
  const taken: { name: string; offset: number; node: number | undefined }[] = [];
  const sink = {
    wantsEntries: plus,
    add: ({ name, offset, entry }: { name: Uint8Array; offset: number; entry?: { node: number } | undefined }) => {
      if (taken.length >= room) return false;
      taken.push({ name: Buffer.from(name).toString(), offset, node: entry?.node });
      return true;
    },
  };
  await reader.read(from, sink, signal);
  return taken;
}

test.each([1, 2, 4, 7, 100])('a directory read %i entries at a time has each once, after the dots', async (room) => {
  const { reader } = harness(10);
  const all: string[] = [];
  for (let offset = 0; ; ) {
    const taken = await list(reader, offset, room);
    if (taken.length === 0) break;
    all.push(...taken.map(({ name }) => name));
    offset = taken.at(-1)?.offset ?? 0;
  }
  expect(all).toEqual(['.', '..', ...Array.from({ length: 10 }, (_, index) => `f${index}`)]);
});

test('a program may go back to any place it was at, and nowhere else', async () => {
  const { reader } = harness(10);
  const all = await list(reader, 0, 100);
  for (const { name, offset } of all.slice(0, -1)) {
    const again = await list(reader, offset, 1);
    expect(again[0]?.name).toBe(all[all.findIndex((one) => one.name === name) + 1]?.name);
  }
  await expect(list(reader, 500, 1)).rejects.toMatchObject({ code: 'EINVAL' });
});

test('an empty directory has its dots, and its end is asked for once', async () => {
  const { reader, pages } = harness(0);
  expect((await list(reader, 0, 100)).map(({ name }) => name)).toEqual(['.', '..']);
  expect(await list(reader, 2, 100)).toEqual([]);
  expect(pages()).toBe(1);
});

test('entries come with what a lookup says, unless something was changed here since the server was asked', async () => {
  const { reader, share } = harness(3);
  const first = await list(reader, 0, 3, true);
  expect(first[2]?.node).toBeGreaterThan(1);
  expect(share.node(first[2]?.node ?? 0).references).toBe(1);
  share.changed(share.node(1));
  expect((await list(reader, 3, 100, true)).map(({ node }) => node)).toEqual([undefined, undefined]);
});

test('an entry there was no room for is no reference of the kernel', async () => {
  const { reader, share } = harness(3);
  await list(reader, 0, 2, true);
  expect([...share.nodes].map(({ id }) => id)).toEqual([1]);
});
