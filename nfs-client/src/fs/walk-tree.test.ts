import { expect, test } from 'vitest';
import { NfsError } from '../nfs-error.ts';
import { MemoryProtocol } from '../testing/memory-protocol.ts';
import { diskUsage } from './disk-usage.ts';
import { removeTree } from './remove-tree.ts';

const { signal } = new AbortController();

function aTree(shape = { deep: 3, wide: 4, files: 25 }) {
  const server = new MemoryProtocol();
  const tree = server.directory(server.top, 'tree');
  server.fill(tree, shape);
  const protocol = server.asProtocol();
  const at = { dir: protocol.root, name: 'tree' };
  return { server, tree, protocol, at };
}

test('removeTree leaves nothing, with no more than 16 calls at a time', async () => {
  const { server, protocol, at } = aTree();
  await removeTree(protocol, at, signal);
  expect(server.nodes.size).toBe(1);
  expect(server.top.children?.size).toBe(0);
  expect(server.mostOpenCalls).toBe(16);
});

test('a chain of 3,000 directories is removed', async () => {
  const { server, protocol, at } = aTree({ deep: 3000, wide: 1, files: 1 });
  await removeTree(protocol, at, signal);
  expect(server.nodes.size).toBe(1);
});

test('du counts every file and directory once', async () => {
  const { protocol, at } = aTree({ deep: 2, wide: 3, files: 11 });
  const node = await protocol.lookup(at, signal);
  expect(await diskUsage(protocol, { at, node }, signal)).toEqual({
    ...{ directories: 13, files: 143, apparentBytes: 1430, usedBytes: 512 * 156 },
  });
});

test('another filesystem below is not entered: removeTree refuses it, du leaves it out', async () => {
  const { server, tree, protocol, at } = aTree({ deep: 0, wide: 0, files: 2 });
  const other = server.directory(tree, 'other', 'b');
  server.fill(other, { deep: 0, wide: 0, files: 3 });
  const node = await protocol.lookup(at, signal);
  expect((await diskUsage(protocol, { at, node }, signal)).files).toBe(2);
  await expect(removeTree(protocol, at, signal)).rejects.toMatchObject({ code: 'XDEV' });
  expect(other.children?.size).toBe(3);
});

test('a page that leads back to its own beginning is BAD_REPLY', async () => {
  const { server, protocol, at } = aTree();
  server.onReaddir = (page, cursor) => (cursor ? { ...page, next: cursor, end: false } : page);
  const node = await protocol.lookup(at, signal);
  await expect(diskUsage(protocol, { at, node }, signal)).rejects.toMatchObject({ code: 'BAD_REPLY' });
  expect(server.openCalls).toBe(0);
});

test('a cursor the server no longer takes begins a removal again, and fails a count', async () => {
  const { server, protocol, at } = aTree({ deep: 0, wide: 0, files: 95 });
  let refusals = 3;
  server.onReaddir = (page, cursor) => {
    if (cursor && refusals-- > 0) throw new NfsError('BAD_COOKIE', 'too old');
    return page;
  };
  const node = await protocol.lookup(at, signal);
  await expect(diskUsage(protocol, { at, node }, signal)).rejects.toMatchObject({ code: 'BAD_COOKIE' });
  refusals = 3;
  await removeTree(protocol, at, signal);
  expect(server.nodes.size).toBe(1);
});

test('a directory that fills while it is emptied is emptied again, but not for ever', async () => {
  const { server, tree, protocol, at } = aTree({ deep: 0, wide: 0, files: 1 });
  let late = 3;
  server.onReaddir = (page) => {
    if (late-- > 0) server.directory(tree, `late${late}`);
    return page;
  };
  await removeTree(protocol, at, signal);
  expect(server.nodes.size).toBe(1);
  const again = aTree({ deep: 0, wide: 0, files: 1 });
  again.server.onReaddir = (page) => {
    again.server.directory(again.tree, `late${again.server.readdirs}`);
    return page;
  };
  await expect(removeTree(again.protocol, again.at, signal)).rejects.toMatchObject({ code: 'NOTEMPTY' });
});

test('aborting ends the walk with the reason and nothing under way', async () => {
  const { server, protocol, at } = aTree();
  const stop = new AbortController();
  server.onReaddir = (page) => {
    if (server.readdirs === 5) stop.abort(new Error('enough'));
    return page;
  };
  await expect(removeTree(protocol, at, stop.signal)).rejects.toThrow('enough');
  expect(server.openCalls).toBe(0);
  expect(server.nodes.size).toBeGreaterThan(100);
});

test('two removals of one tree do not disturb each other', async () => {
  const { server, protocol, at } = aTree();
  await Promise.all([removeTree(protocol, at, signal), removeTree(protocol, at, signal)]);
  expect(server.nodes.size).toBe(1);
});

test('removing what is not there is fine', async () => {
  const { protocol } = aTree();
  await removeTree(protocol, { dir: protocol.root, name: 'absent' }, signal);
});
