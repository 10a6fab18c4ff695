import { expect, test } from 'vitest';
import { sizeOf, wholeSplice } from '../splice.ts';
import { SplicedList, wholeBody } from './long-body.ts';

function aList(count: number, signal = new AbortController().signal) {
  const documents = Array.from({ length: count }, (_, i) => Buffer.from(`{"i":${i},"a":"ä"}`));
  const asked: number[] = [];
  const list = new SplicedList({
    head: '{"items":[',
    tail: ']}',
    count,
    bytes: documents.reduce((sum, { length }) => sum + length, 0),
    spliceAt: (i) => {
      asked.push(i);
      return wholeSplice(documents[i] as Buffer);
    },
    costAt: () => 10,
    signal,
  });
  return { list, asked };
}

test.each([
  [0, 100],
  [1, 1],
  [1, 100],
  [20, 1],
  [20, 35],
  [20, 1000],
])('the pieces of a list of %i are one document, as long as it says, in pieces of %i bytes', async (count, size) => {
  const { list } = aList(count);
  const pieces = [];
  for await (const piece of list.pieces(() => size)) pieces.push(piece);
  const text = Buffer.concat(pieces);
  expect(JSON.parse(text.toString()).items).toEqual(Array.from({ length: count }, (_, i) => ({ i, a: 'ä' })));
  expect(text.length).toBe(list.byteLength);
  expect(await wholeBody(list)).toEqual(text);
});

test('of a list whose first piece is taken no more is made', async () => {
  const { list, asked } = aList(20);
  for await (const _ of list.pieces(() => 35)) break;
  expect(asked).toEqual([0, 1, 2]);
});

test('of a list that nobody waits for any more the piece that is being made is given up', async () => {
  const gone = new AbortController();
  const { list, asked } = aList(200_000, gone.signal);
  const making = wholeBody(list);
  gone.abort();
  await expect(making).rejects.toThrow('aborted');
  expect(asked.length).toBeLessThan(20_000);
});

test('how long a piece may be is asked once the one before is taken', async () => {
  const { list, asked } = aList(20);
  const sizes = [60, 20, 20, 1000];
  const made = [];
  for await (const _ of list.pieces(() => sizes.shift() as number)) made.push(asked.length);
  expect(made).toEqual([4, 6, 8, 20]);
});

test.each([1, 100, 2000])(
  'a document that is longer than a piece goes without a copy, in pieces of %i bytes',
  async (size) => {
    const stored = (i: number) =>
      new TextEncoder().encode(`,"metadata":{"name":"${i}"},"data":"${`${i}é`.repeat(i % 2 === 0 ? 500 : 5)}"}`);
    const documents = Array.from({ length: 6 }, (_, i) => stored(i));
    const splices = documents.map((bytes) => ({ bytes, from: 0, at: 13, text: '"resourceVersion":"7",' }));
    const list = new SplicedList({
      head: '{"items":[',
      tail: ']}',
      count: splices.length,
      bytes: splices.reduce((sum, splice) => sum + sizeOf(splice), 0),
      spliceAt: (i) => splices[i] as (typeof splices)[number],
      costAt: () => 10,
      signal: new AbortController().signal,
    });
    const pieces = [];
    for await (const piece of list.pieces(() => size)) pieces.push(piece);
    const text = Buffer.concat(pieces);
    expect(text.length).toBe(list.byteLength);
    expect(JSON.parse(text.toString()).items).toEqual(
      documents.map((bytes) =>
        JSON.parse(`{"metadata":{"resourceVersion":"7",${Buffer.from(bytes).toString().slice(13)}`),
      ),
    );
    const own = pieces.filter(({ buffer }) => !documents.some((bytes) => bytes.buffer === buffer));
    expect(own.length).toBeGreaterThan(0);
    expect(Math.max(...own.map(({ length }) => length))).toBeLessThan(2 * size + 100);
  },
);
