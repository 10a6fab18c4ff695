import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBytes, encodeBytes } from './byte-string.ts';
import { decodeName, encodeName, encodeTarget, splitPath } from './file-name.ts';

test('any bytes come back from their string', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(encodeBytes(decodeBytes(bytes))).toEqual(Buffer.from(bytes));
    }),
  );
});

test('any text comes back from its bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(decodeBytes(encodeBytes(text)!)).toBe(text);
    }),
  );
});

const refused: readonly [string, string][] = [
  ['nothing', ''],
  ['a dot', '.'],
  ['two dots', '..'],
  ['a slash', 'a/b'],
  ['NUL', 'a\0b'],
  ['256 bytes', 'ä'.repeat(128)],
  ['half a pair', 'a\ud800'],
];

test.each(refused)('a name of %s is never sent', (_what, name) => {
  expect(() => encodeName(name)).toThrow(expect.objectContaining({ code: 'BAD_NAME' }));
});

test('no escaped byte turns into a slash, a dot or NUL', () => {
  for (let code = 0xdc00; code < 0xdc80; code++) expect(encodeBytes(String.fromCharCode(code))).toBeUndefined();
});

test.each(['', '.', '..', 'a/b', 'a\0'])('a listing with the name %j is BAD_REPLY', (name) => {
  expect(() => decodeName(Buffer.from(name))).toThrow(expect.objectContaining({ code: 'BAD_REPLY' }));
});

test.each(['a/../b', '../a', 'a//b', './a', 'a/.', 'a/..'])(
  'the path %j is refused as it is, not normalized',
  (path) => {
    expect(() => splitPath(path)).toThrow(expect.objectContaining({ code: 'BAD_NAME' }));
  },
);

test('a path is its names; the root has none', () => {
  expect(splitPath('/a/b c/…/')).toEqual(['a', 'b c', '…']);
  expect(splitPath('/')).toEqual([]);
  expect(splitPath('')).toEqual([]);
  expect(splitPath('...')).toEqual(['...']);
});

test('a symlink may point anywhere, but not at nothing or NUL', () => {
  expect(encodeTarget('../../etc').toString()).toBe('../../etc');
  for (const target of ['', 'a\0b', 'x'.repeat(5000)])
    expect(() => encodeTarget(target)).toThrow(expect.objectContaining({ code: 'BAD_NAME' }));
});
