import { expect, test } from 'vitest';
import { signalNumber } from './container-stop.ts';

test.each([
  ['SIGTERM', 15],
  ['quit', 3],
  ['9', 9],
  ['SIGRTMINPLUS3', 37],
  ['SIGRTMIN+3', 37],
  ['SIGRTMAXMINUS2', 62],
  ['SIGRTMAX', 64],
  ['nonsense', 15],
  ['99', 15],
])('stop signal %s is %i', (name, number) => {
  expect(signalNumber(name)).toBe(number);
});
