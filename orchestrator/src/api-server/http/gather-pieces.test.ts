import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { gatherPieces } from './gather-pieces.ts';

const pieces = (text: string) => [...text].map((each) => Buffer.from(each));

async function read(give: (stream: Readable) => void): Promise<string[]> {
  const stream = new Readable({ read: () => undefined });
  gatherPieces(stream);
  const got: string[] = [];
  stream.on('data', (piece: Buffer) => got.push(piece.toString()));
  const ended = new Promise((resolve) => stream.once('close', resolve));
  give(stream);
  await ended;
  return got;
}

test('pieces of a byte that come at once are one, in order with long ones and before the end', async () => {
  const long = 'L'.repeat(2000);
  const got = await read((stream) => {
    for (const each of [...pieces('abc'), Buffer.from(long), ...pieces('de'), null]) stream.push(each);
  });
  expect(got).toEqual(['abc', long, 'de']);
});

test('pieces of a byte come though there are no more of them', async () => {
  const got = await read((stream) => {
    for (const each of pieces('abc')) stream.push(each);
    stream.once('data', () => stream.push(null));
  });
  expect(got).toEqual(['abc']);
});

test('a hundred thousand pieces of a byte are some buffers, and all there', async () => {
  const text = 'abcdefghij'.repeat(10_000);
  const got = await read((stream) => {
    for (const each of [...pieces(text), null]) stream.push(each);
  });
  expect(got.join('')).toBe(text);
  expect(got.length).toBeLessThan(10);
});

test('who pushes hears when there is enough, and a stream that is gone gets nothing more', async () => {
  const stream = new Readable({ read: () => undefined, highWaterMark: 3 });
  gatherPieces(stream);
  expect(pieces('abcd').map((each) => stream.push(each))).toEqual([true, true, false, false]);
  stream.destroy();
  await new Promise((resolve) => setImmediate(resolve));
  expect(stream.readableLength).toBe(0);
});
