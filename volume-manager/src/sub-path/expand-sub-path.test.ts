import { expect, test } from 'vitest';
import { expandSubPath } from './expand-sub-path.ts';

test.for([
  ['$(POD)/logs', 'web-0/logs'],
  ['$$(POD)', '$(POD)'],
  ['a$b', 'a$b'],
  ['plain', 'plain'],
  ['$(POD)$(POD)', 'web-0web-0'],
] as const)('"%s" is "%s"', ([expression, expanded]) => {
  expect(expandSubPath(expression, { POD: 'web-0' })).toBe(expanded);
});

test('a variable without a value is named', () => {
  expect(() => expandSubPath('$(NOPE)', {})).toThrow('missing value for "NOPE"');
  expect(() => expandSubPath('$(constructor)', {})).toThrow('missing value for "constructor"');
});

test('what is longer than any path is refused, not made', () => {
  expect(() => expandSubPath('$(A)'.repeat(10_000), { A: 'x'.repeat(100_000) })).toThrow('file name too long');
});
