import { expect, test } from 'vitest';
import { CreateBudget } from './create-budget.ts';

test('a set makes 500 pods at once, then 50 a second; another has its own', () => {
  const budget = new CreateBudget();
  expect(budget.left('a', 0)).toBe(500);
  budget.spend('a', 500, 0);
  expect(budget.left('a', 0)).toBe(0);
  expect(budget.left('b', 0)).toBe(500);
  expect(budget.left('a', 500)).toBe(25);
  budget.spend('a', 25, 500);
  expect(budget.left('a', 500)).toBe(0);
  expect(budget.left('a', 60_000)).toBe(500);
  budget.forget('a');
  expect(budget.left('a', 500)).toBe(500);
});
