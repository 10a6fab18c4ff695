import { expect, test } from 'vitest';
import { invalidStatus } from '../invalid.ts';
import { logOptionErrors, logOptionsOf } from './log-options.ts';

test('flags are true unless they are false or 0, and what is not said is not there', () => {
  const query = new URLSearchParams(
    'follow&previous=false&timestamps=1&tailLines=0&sinceTime=2030-01-01T00:00:00%2B01:00',
  );
  expect(logOptionsOf(query)).toEqual({
    ...{ follow: true, timestamps: true, tailLines: 0, sinceTime: '2030-01-01T00:00:00+01:00' },
  });
});

/** Words are upstream's (ValidatePodLogOptions, Go's strconv and time). */
test.each([
  ['tailLines=-1', 'tailLines: Invalid value: -1: must be greater than or equal to 0'],
  ['limitBytes=0', 'limitBytes: Invalid value: 0: must be greater than 0'],
  ['sinceSeconds=0', 'sinceSeconds: Invalid value: 0: must be greater than 0'],
  ['stream=Stdout', 'stream: Forbidden: may not be specified'],
  [
    'sinceSeconds=0&sinceTime=2030-01-01T00:00:00Z',
    '[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
  ],
])('a log asked for by %s is refused', (text, why) => {
  const query = new URLSearchParams(text);
  const errors = logOptionErrors(logOptionsOf(query), query);
  const { message } = invalidStatus({ group: '', kind: 'PodLogOptions' }, 'p', errors);
  expect(message).toBe(`PodLogOptions "p" is invalid: ${why}`);
});

test.each([
  ['tailLines=a', 'strconv.ParseInt: parsing "a": invalid syntax'],
  ['sinceTime=abc', 'parsing time "abc" as "2006-01-02T15:04:05Z07:00": cannot parse "abc" as "2006"'],
])('%s is no query of a log', (text, message) => {
  expect(() => logOptionsOf(new URLSearchParams(text))).toThrow(message);
});
