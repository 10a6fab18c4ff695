import { expect, test } from 'vitest';
import { idlePollOf } from './idle-poll-flag.ts';

const device = '/dev/null';

test.each([
  ['0s', 0],
  ['2ms', 2],
  ['500us', 0.5],
  ['1s', 1000],
])('--idle-poll %s', (text, ms) => {
  expect(idlePollOf(text, device)).toBe(ms);
});

test.each(['', '2', '-1ms', '1.1s', '1h', 'on'])('--idle-poll "%s" is refused', (text) => {
  expect(() => idlePollOf(text, device)).toThrow(
    `--idle-poll takes a duration from 0s to 1s, such as 2ms, not "${text}"`,
  );
});

test('what cannot be had is refused if it was asked for', () => {
  expect(() => idlePollOf('2ms', '/none')).toThrow('--idle-poll: processors cannot be kept awake here: ENOENT');
  expect(idlePollOf('0s', '/none')).toBe(0);
  expect(idlePollOf(undefined, '/none')).toBe(0);
});
