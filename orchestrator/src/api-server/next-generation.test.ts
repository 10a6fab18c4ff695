import { expect, test } from 'vitest';
import { nextGeneration } from './next-generation.ts';

test.each<[unknown, unknown]>([
  [undefined, 1],
  [7, 8],
  [2 ** 53 - 1, 2n ** 53n],
  [2n ** 60n, 2n ** 60n + 1n],
])('the generation after %s is %s', (generation, next) => {
  expect(nextGeneration(generation as number)).toBe(next);
});
