import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonIndenter } from './json-indenter.ts';

const indented = (pieces: readonly Uint8Array[]) => {
  const indenter = new JsonIndenter();
  return Buffer.concat(pieces.map((piece) => indenter.push(piece))).toString();
};

test('JSON comes in lines, wherever its text is cut', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.boolean(), fc.array(fc.nat()), (value, spaced, cuts) => {
      const text = Buffer.from(spaced ? JSON.stringify(value, null, 3) : JSON.stringify(value));
      const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
      const pieces = places.slice(1).map((end, i) => text.subarray(places[i], end));
      expect(indented(pieces)).toBe(JSON.stringify(value, null, 2));
    }),
  );
});

test('what is nested very deep is not moved in any further', () => {
  const text = Buffer.from(`${'['.repeat(1000)}1${']'.repeat(1000)}`);
  const lines = indented([text]).split('\n');
  expect(lines).toHaveLength(2001);
  expect(Math.max(...lines.map(({ length }) => length))).toBe(2 * 64 + 1);
});
