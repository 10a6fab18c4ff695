import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { NfsError, type NfsErrorCode } from '../nfs-error.ts';
import type { NfsExtendedFile, NfsFile } from '../protocol/nfs-file.ts';
import type { NameAt, NfsProtocol } from '../protocol/nfs-protocol.ts';
import { MemoryFile } from '../testing/memory-file.ts';
import { FileCopier } from './copy-file.ts';
import { WriteMemory } from './write-memory.ts';

const { signal } = new AbortController();
const at = (name: string) => ({ name }) as NameAt;
const files = { from: at('from'), to: at('to'), overwrite: false };

/** A server with a source and a target, and the ways to copy it is given. */
function aServer(extended?: Partial<NfsExtendedFile>) {
  const source = new MemoryFile(randomBytes(10_000));
  const target: MemoryFile & { extended?: NfsExtendedFile } = new MemoryFile();
  if (extended) target.extended = extended as NfsExtendedFile;
  const removed: string[] = [];
  const protocol = {
    limits: { readBytes: 1000, writeBytes: 1000 },
    open: async ({ name }: NameAt): Promise<NfsFile> => (name === 'from' ? source : target),
    remove: async ({ name }: NameAt) => void removed.push(name),
  } as unknown as NfsProtocol;
  return { source, target, removed, copier: new FileCopier(protocol, new WriteMemory()) };
}

const fails = (code: NfsErrorCode) => async () => {
  throw new NfsError(code, code);
};

test('a server that clones is asked for nothing else', async () => {
  let clones = 0;
  const { copier } = aServer({
    clone: async () => {
      clones += 1;
    },
  });
  expect(await copier.copy(files, signal)).toEqual({ method: 'clone', bytes: 10_000 });
  expect(clones).toBe(1);
});

test('a server that copies in parts is asked until all is there', async () => {
  const { copier, source, target } = aServer({
    clone: fails('NOTSUPP'),
    copy: async (_, { sourceOffset, offset, length }) => {
      const part = source.content.subarray(sourceOffset, sourceOffset + Math.min(length, 3000));
      return await target.write({ offset, data: part, stability: 0 }, signal);
    },
  });
  expect(await copier.copy(files, signal)).toEqual({ method: 'server', bytes: 10_000 });
  expect(target.content.equals(source.content)).toBe(true);
  expect(target.commits).toBe(1);
});

test('a copy the server lost before the commit is made again', async () => {
  const { copier, source, target } = aServer({
    clone: fails('NOTSUPP'),
    copy: (_, { offset }) => target.write({ offset, data: source.content.subarray(offset), stability: 0 }, signal),
  });
  target.onCommit = () => target.commits === 1 && target.restart();
  await copier.copy(files, signal);
  expect(target.content.equals(source.content)).toBe(true);
});

test('a server that can neither is not asked twice; the copy goes through the client', async () => {
  const asked: string[] = [];
  const refuse = (name: string) => async () => {
    asked.push(name);
    throw new NfsError('NOTSUPP', name);
  };
  const { copier, source, target } = aServer({ clone: refuse('clone'), copy: refuse('copy') });
  for (let i = 0; i < 2; i++) expect(await copier.copy(files, signal)).toEqual({ method: 'client', bytes: 10_000 });
  expect(target.content.equals(source.content)).toBe(true);
  expect(asked).toEqual(['clone', 'copy']);
});

test('files that cannot be cloned, where others can, are copied otherwise', async () => {
  const { copier } = aServer({ clone: fails('XDEV'), copy: fails('INVAL') });
  expect((await copier.copy(files, signal)).method).toBe('client');
});

test('a failed copy leaves nothing, unless it was to overwrite', async () => {
  const { copier, removed } = aServer({ clone: fails('NOSPC') });
  await expect(copier.copy(files, signal)).rejects.toMatchObject({ code: 'NOSPC' });
  expect(removed).toEqual(['to']);
  await expect(copier.copy({ ...files, overwrite: true }, signal)).rejects.toMatchObject({ code: 'NOSPC' });
  expect(removed).toEqual(['to']);
});

test('what is copied through the client keeps its holes', async () => {
  const { copier, source, target } = aServer();
  for (const content of [Buffer.alloc(10_000), Buffer.alloc(10_000).fill(1, 5400, 5401)]) {
    source.content = content;
    target.content = Buffer.alloc(0);
    target.writes = 0;
    await copier.copy(files, signal);
    expect(target.content.equals(content)).toBe(true);
    expect(target.writes).toBe(content.includes(1) ? 2 : 1);
  }
});
