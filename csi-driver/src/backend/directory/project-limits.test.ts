import { expect, test } from 'vitest';
import { firstProject, ProjectSearch } from './project-limits.ts';

function searchAmong(taken: Set<number>) {
  const search = new ProjectSearch();
  let questions = 0;
  const free = (id: number) => {
    questions += 1;
    return !taken.has(id);
  };
  return {
    take() {
      const id = search.next(free);
      taken.add(id);
      return id;
    },
    questions: () => questions,
  };
}

const first = (count: number) => Array.from({ length: count }, (_, index) => firstProject + index);

test('project ids are given one after the other, each once', () => {
  const { take } = searchAmong(new Set());
  expect(Array.from({ length: 1000 }, take)).toEqual(first(1000));
});

test('after a start the first free id is found without asking for each that is taken', () => {
  const { take, questions } = searchAmong(new Set(first(100_000)));
  expect(take()).toBe(firstProject + 100_000);
  expect(questions()).toBeLessThan(50);
});

test('an id that still holds something is passed over, wherever it is', () => {
  const leaking = [1, 2, 5, 63].map((offset) => firstProject + offset);
  const { take } = searchAmong(new Set(leaking));
  const given = Array.from({ length: 500 }, take);
  expect(new Set(given).size).toBe(500);
  expect(given.filter((id) => leaking.includes(id))).toEqual([]);
});

test('ids of removed volumes are found again', () => {
  const taken = new Set(first(300));
  const { take } = searchAmong(taken);
  for (let made = 0; made < 300; made += 1) take();
  taken.clear();
  for (let made = 0; made < 300; made += 1) take();
  expect(Math.min(...taken)).toBe(firstProject);
});
