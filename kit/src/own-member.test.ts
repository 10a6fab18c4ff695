import { expect, test } from 'vitest';
import { ownMember } from './own-member.ts';

test('what every object inherits is no member of a map', () => {
  const labels: Record<string, string> = JSON.parse('{"a":"1","__proto__":"2"}');
  expect(['a', '__proto__', 'constructor', 'toString', 'b'].map((key) => ownMember(labels, key))).toEqual([
    '1',
    '2',
    undefined,
    undefined,
    undefined,
  ]);
  expect(ownMember(undefined, 'a')).toBeUndefined();
});
