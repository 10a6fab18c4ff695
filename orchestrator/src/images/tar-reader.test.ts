import { expect, test } from 'vitest';
import { type TarItem, tarOf } from '../../../test/harness/tar-builder.ts';
import { readTar, type TarEntry } from './tar-reader.ts';

interface Seen extends Omit<TarEntry, 'content'> {
  readonly text: string;
}

/** Reads a tar that arrives in pieces of `step` bytes. */
async function read(tar: Buffer, step = 700): Promise<Seen[]> {
  const seen: Seen[] = [];
  for await (const { content, ...facts } of readTar(pieces(tar, step))) {
    const parts: Uint8Array[] = [];
    for await (const part of content) parts.push(part);
    seen.push({ ...facts, text: Buffer.concat(parts).toString() });
  }
  return seen;
}

async function* pieces(bytes: Buffer, step: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

test.each([1, 511, 512, 513, 100_000])('a tar that comes in pieces of %i bytes reads the same', async (step) => {
  const tar = tarOf(
    { name: 'a', content: 'x'.repeat(1300), mode: 0o4755, uid: 7, gid: 8, mtime: 99 },
    { name: 'd/', type: 'dir' },
    { name: 's', type: 'symlink', linkName: 'a' },
    { name: 'n', type: 'char', device: [1, 3] },
  );
  expect(await read(tar, step)).toMatchObject([
    { name: 'a', type: 'file', text: 'x'.repeat(1300), mode: 0o4755, uid: 7, gid: 8, mtimeMs: 99_000 },
    { name: 'd/', type: 'directory', text: '' },
    { name: 's', type: 'symlink', linkName: 'a' },
    { name: 'n', type: 'character-device', device: { major: 1, minor: 3 } },
  ]);
});

test('pax records go before the header: names, sizes, owners, times, and attributes as bytes', async () => {
  const long = `${'d/'.repeat(200)}ä`;
  const capability = Buffer.from([1, 0, 0, 2, 0xff, 0x80, 0, 0x0a, 0, 0]);
  const pax = { path: long, uid: '3000000000', mtime: '12.5', 'SCHILY.xattr.security.capability': capability };
  const [entry] = await read(tarOf({ name: 'short', content: 'hi', pax }, { name: 'next' }));
  expect(entry).toMatchObject({ name: long, uid: 3_000_000_000, mtimeMs: 12_500, text: 'hi' });
  expect(entry?.xattrs.get('security.capability')).toEqual(capability);
  expect((await read(tarOf({ name: 'short', pax }, { name: 'next' })))[1]).toMatchObject({ name: 'next', uid: 0 });
});

test('what nobody reads of an entry is skipped', async () => {
  const names: string[] = [];
  const tar = tarOf({ name: 'a', content: 'x'.repeat(5000) }, { name: 'b' });
  for await (const entry of readTar(pieces(tar, 600))) names.push(entry.name);
  expect(names).toEqual(['a', 'b']);
});

test.each<[string, Buffer]>([
  ['cut in a header', tarOf({ name: 'a' }).subarray(0, 300)],
  ['cut in content', tarOf({ name: 'a', content: 'x'.repeat(2000) }).subarray(0, 1500)],
  ['cut in padding', tarOf({ name: 'a', content: 'x' }).subarray(0, 600)],
  ['text', Buffer.from('this is no tar at all. '.repeat(60))],
  ['random bytes', Buffer.from(Array.from({ length: 2048 }, (_, i) => (i * 7919) % 251))],
  ['a pax record longer than its header', tarOf({ name: 'a', pax: { path: 'b'.repeat(20) } }).fill('9', 512, 514)],
])('%s is not a sound tar archive', async (_, tar) => {
  await expect(read(tar)).rejects.toMatchObject({ code: 'Invalid' });
});

test.each<[string, TarItem, RegExp]>([
  ['a GNU sparse file', { name: 'big', type: 'sparse' }, /"big" is a sparse file/],
  ['a pax sparse file', { name: 'big', pax: { 'GNU.sparse.major': '1' } }, /sparse/],
  ['an owner no file can have', { name: 'a', pax: { uid: '4294967296' } }, /has owner 4294967296/],
  ['a negative size', { name: 'a', pax: { size: '-1' } }, /impossible size/],
  ['a size beyond numbers', { name: 'a', pax: { size: '99999999999999999999' } }, /impossible size/],
  ['a name that is not UTF-8', { name: 'a', pax: { path: Buffer.from([0xff, 0xfe]) } }, /not UTF-8/],
])('%s is refused', async (_, item, message) => {
  await expect(read(tarOf(item))).rejects.toThrow(message);
});
