import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { smallPiece, Untaken } from './untaken.ts';

const megabyte = 1024 * 1024;

test('thousands of answers that nobody takes hold little each, and go on in large pieces once others are gone', () => {
  const untaken = new Untaken();
  const answers = Array.from({ length: 5000 }, () => new EventEmitter());
  const parts = answers.map((answer) => untaken.begin(answer));
  const first = parts.map((part) => part.next());
  expect([first[0], first.at(-1)]).toEqual([megabyte, smallPiece]);
  expect(untaken.bytes).toBeLessThan(200 * megabyte);
  // Who takes what there is gets the next piece.
  expect(parts.at(-1)?.next()).toBe(smallPiece);
  for (const answer of answers.slice(0, -1)) answer.emit('close');
  expect(parts.at(-1)?.next()).toBe(megabyte);
  answers.at(-1)?.emit('close');
  expect(untaken.bytes).toBe(0);
});

test('an answer that is shorter holds no more than it is, and one that has ended nothing', () => {
  const untaken = new Untaken();
  const answer = new EventEmitter();
  const part = untaken.begin(answer);
  expect(part.next(3 * smallPiece)).toBe(3 * smallPiece);
  expect(untaken.bytes).toBe(3 * smallPiece);
  answer.emit('close');
  part.next();
  expect(untaken.bytes).toBe(0);
});
