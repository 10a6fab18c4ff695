import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { Settled } from './settled.ts';

function scene(last = 0) {
  const database = new DatabaseSync(':memory:');
  database.exec('CREATE TABLE settled (sequence INTEGER NOT NULL); INSERT INTO settled VALUES (0)');
  const settled = new Settled(database, last);
  const written = () => {
    settled.write();
    return Number(database.prepare('SELECT sequence FROM settled').get()?.['sequence']);
  };
  return { settled, written, [Symbol.dispose]: () => database.close() };
}

test('what is written is the sequence below the first open one, whatever the order they close in', () => {
  using h = scene(3);
  expect(h.written()).toBe(3);
  for (const sequence of [4, 5, 6]) h.settled.given(sequence, { open: true });
  h.settled.given(7, { open: false });
  expect(h.written()).toBe(3);
  h.settled.close(5);
  expect(h.written()).toBe(3);
  h.settled.close(4);
  expect(h.written()).toBe(5);
  h.settled.close(6);
  expect(h.written()).toBe(7);
});

test('a sequence that was rolled back is not open for whoever is given it next', () => {
  using h = scene();
  for (const sequence of [1, 2, 3]) h.settled.given(sequence, { open: true });
  h.settled.close(1);
  h.settled.given(2, { open: false });
  expect([2, 3].map((sequence) => h.settled.isOpen(sequence))).toEqual([false, false]);
  expect(h.written()).toBe(2);
  h.settled.given(3, { open: true });
  expect(h.written()).toBe(2);
});

test('a write looks at one open record, not at all of them', () => {
  using h = scene();
  const count = 300_000;
  // As arguments of one call, so many would be more than the stack takes.
  for (let sequence = 1; sequence <= count; sequence++) h.settled.given(sequence, { open: true });
  for (let sequence = 1; sequence <= 2000; sequence++) {
    h.settled.close(sequence);
    h.settled.write();
  }
  expect(h.written()).toBe(2000);
});
