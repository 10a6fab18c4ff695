import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRng } from '@berth/kit';
import { expect, test } from 'vitest';
import { writeAtomically } from './atomic-writer.ts';
import { validatePayloadPath } from './payload.ts';

function directory() {
  const path = mkdtempSync(join(tmpdir(), 'berth-atomic-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

const rng = seededRng(5);
const write = (path: string, files: Record<string, string>, prepare?: () => Promise<void>) =>
  writeAtomically({
    directory: path,
    payload: new Map(Object.entries(files).map(([name, text]) => [name, { data: Buffer.from(text), mode: 0o644 }])),
    nowMs: Date.UTC(2030, 0, 2, 3, 4, 5),
    rng,
    ...(prepare ? { prepare } : {}),
  });

test('files appear through one link, and an equal payload changes nothing', async () => {
  using dir = directory();
  expect(await write(dir.path, { a: '1', 'd/e': '2' })).toBe(true);
  const data = readlinkSync(join(dir.path, '..data'));
  expect(data).toMatch(/^\.\.2030_01_02_03_04_05\./);
  expect(await write(dir.path, { a: '1', 'd/e': '2' })).toBe(false);
  expect(readlinkSync(join(dir.path, '..data'))).toBe(data);
  expect(readFileSync(join(dir.path, 'd/e'), 'utf8')).toBe('2');
});

test('a failed write leaves the old files, and the next one takes away what it left', async () => {
  using dir = directory();
  await write(dir.path, { a: 'old' });
  await expect(write(dir.path, { a: 'new' }, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(readFileSync(join(dir.path, 'a'), 'utf8')).toBe('old');
  await write(dir.path, { b: 'newer' });
  expect(readdirSync(dir.path).filter((name) => name.startsWith('..2'))).toHaveLength(1);
  expect(readdirSync(dir.path).filter((name) => !name.startsWith('..'))).toEqual(['b']);
});

test('a ..data that leads elsewhere is replaced and what it led to is left alone', async () => {
  using dir = directory();
  using outside = directory();
  writeFileSync(join(outside.path, 'precious'), 'x');
  symlinkSync(outside.path, join(dir.path, '..data'));
  await write(dir.path, { a: '1' });
  expect(readFileSync(join(outside.path, 'precious'), 'utf8')).toBe('x');
  expect(readFileSync(join(dir.path, 'a'), 'utf8')).toBe('1');
});

test('modes are those asked for, whatever the umask', async () => {
  using dir = directory();
  mkdirSync(join(dir.path, 'unrelated'));
  await write(dir.path, { 'x/y': '1' });
  expect([statSync(join(dir.path, 'x')).mode & 0o777, statSync(join(dir.path, 'x/y')).mode & 0o777]).toEqual([
    0o755, 0o644,
  ]);
});

test.for(['', '/a', '..', '../a', 'a/..', 'a/../b', '..a', `${'x'.repeat(256)}`, 'a\0b', 'a/'.repeat(2050)])(
  'the path %j is refused',
  (path) => {
    expect(() => validatePayloadPath(path)).toThrow('invalid path');
  },
);
