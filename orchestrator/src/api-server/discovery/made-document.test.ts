import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { madeDocument, membersOf } from './made-document.ts';

test('a document of many pieces is made in many turns, and is what they say', async () => {
  let turn = 0;
  let isOver = false;
  const counting = (async () => {
    for (; !isOver; turn++) await setImmediate();
  })();
  const turnsOfPieces: number[] = [];
  function* pieces() {
    for (let i = 0; i < 20; i++) {
      turnsOfPieces.push(turn);
      yield i % 2 === 0 ? 'π'.repeat(30_000) : Buffer.alloc(60_000, 'x');
    }
  }
  const { body, hash } = await madeDocument(pieces());
  isOver = true;
  await counting;
  expect(Buffer.from(body).toString()).toBe(`${'π'.repeat(30_000)}${'x'.repeat(60_000)}`.repeat(10));
  expect(hash).toBe(createHash('sha512').update(body).digest('hex').toUpperCase());
  expect(
    Math.max(
      ...Map.groupBy(turnsOfPieces, (each) => each)
        .values()
        .map(({ length }) => length),
    ),
  ).toBeLessThanOrEqual(2);
});

test('members are written with commas between them, the first of a name', () => {
  const members = membersOf([
    ['a', { b: 1 }],
    ['"', []],
    ['a', 2],
  ] as const);
  expect(JSON.parse(`{${[...members].join('')}}`)).toEqual({ a: { b: 1 }, '"': [] });
});
