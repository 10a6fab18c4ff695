import { expect, test } from 'vitest';
import { scheduleComplaint } from './cron-schedule.ts';

test.each([
  '*/5 * * * *',
  '? * * jan-MAR MON-FRI',
  '1-5/2 5/15 1,,2 * sun',
  '@daily',
  '@every 1h30m',
  '@every 0',
  `@every ${'1s'.repeat(60)}`,
  'TZ=UTC 0 0 * * *',
])('%s is a schedule', (schedule) => {
  expect(scheduleComplaint(schedule)).toBeUndefined();
});

test.each([
  ['* * *', 'expected exactly 5 fields, found 3: [* * *]'],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['* * * * 7', 'end of range (7) above maximum (6): 7'],
  ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
  ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
  ['a * * * *', 'failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax'],
  ['@nope', 'unrecognized descriptor: @nope'],
  [
    '99999999999999999999 * * * *',
    'failed to parse int from 99999999999999999999: strconv.Atoi: parsing "99999999999999999999": value out of range',
  ],
  ['@every 1x', 'failed to parse duration @every 1x: time: unknown unit "x" in duration "1x"'],
  ['@every 9999999999h', 'failed to parse duration @every 9999999999h: time: invalid duration "9999999999h"'],
])('%s is refused in the words of the parser', (schedule, complaint) => {
  expect(scheduleComplaint(schedule)).toBe(complaint);
});
