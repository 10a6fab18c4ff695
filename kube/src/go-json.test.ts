import fc from 'fast-check';
import { expect, test } from 'vitest';
import { base64Problem, parseTime } from './go-json.ts';

test('a time of the server’s own form is read as any other of RFC 3339', () => {
  const moments = fc.integer({ min: Date.UTC(0, 0, 1), max: Date.UTC(9999, 11, 31, 23, 59, 59) });
  fc.assert(
    fc.property(moments, (at) => {
      const epochMs = Math.floor(at / 1000) * 1000;
      const text = new Date(epochMs).toISOString().replace('.000Z', '');
      expect(parseTime(`${text}Z`)).toEqual({ epochMs, micros: 0 });
      expect(parseTime(`${text}+00:00`)).toEqual({ epochMs, micros: 0 });
    }),
  );
});

test.each([
  ['2026-02-29T00:00:00Z', 'day out of range'],
  ['2026-04-31T00:00:00Z', 'day out of range'],
  ['2026-13-01T00:00:00Z', 'month out of range'],
  ['2026-01-01T24:00:00Z', 'hour out of range'],
  ['2026-01-01T23:59:60Z', 'second out of range'],
  ['2026-01-00T00:00:00Z', 'day out of range'],
  ['2026-01-32T00:00:00.5Z', 'day out of range'],
  ['2026-01-01T00:00:00+25:00', 'time zone offset hour out of range'],
  ['2026-01-01T00:00:00-01:61', 'time zone offset minute out of range'],
  ['2026-01-01T00:00:00Z ', 'extra text: " "'],
  ['2026-01-01T00:00:00.5+01:00Zé', 'extra text: "Z\\xc3\\xa9"'],
])('%s is refused in the words of time.Parse', (text, complaint) => {
  expect(() => parseTime(text)).toThrow(`parsing time "${text.replace('é', '\\xc3\\xa9')}": ${complaint}`);
});

test.each([
  ['2026-01-01T00:00:00Z', 'Z', '.000000'],
  ['2026-01-01T00:00:00.1Z', '.1Z', '.000000'],
  ['2026-01-01T00:00:00.12345', '.12345', '.000000'],
  ['2026-01-01T00:00:00x123456Z', 'x123456Z', '.000000'],
  ['2026-01-01T00:00:00.1234567Z', '7Z', 'Z07:00'],
  ['2026-01-01T00:00:00.123456', '', 'Z07:00'],
  ['2026-01-01T0:00:00Z', 'Z', '.000000'],
  ['x', 'x', '2006'],
])('%s has not six digits after its second', (text, rest, piece) => {
  const layout = '2006-01-02T15:04:05.000000Z07:00';
  expect(() => parseTime(text, true)).toThrow(
    `parsing time ${JSON.stringify(text)} as "${layout}": cannot parse ${JSON.stringify(rest)} as "${piece}"`,
  );
});

test('an hour may have one digit, and text that is not ASCII is quoted by its bytes', () => {
  expect(parseTime('2026-01-01T7:00:00Z')).toEqual({ epochMs: Date.UTC(2026, 0, 1, 7), micros: 0 });
  expect(() => parseTime('\u0662"026')).toThrow('parsing time "\\xd9\\xa2\\"026" as "2006-01-02T15:04:05Z07:00"');
});

test('a time of another zone is the same moment', () => {
  expect(parseTime('2026-01-01T02:00:00,123456+02:00', true)).toEqual({
    epochMs: Date.UTC(2026, 0, 1),
    micros: 123456,
  });
  expect(parseTime('2025-12-31T00:00:00-24:00')).toEqual({ epochMs: Date.UTC(2026, 0, 1), micros: 0 });
});

test('base64 is wrong where encoding/base64 says so', () => {
  const wrong = {
    x: 0,
    YW: 0,
    'YWJj\nZ': 5,
    'YWJjZA=': 7,
    'YW=a': 2,
    'Y=': 1,
    '=': 0,
    'YWJ==': 4,
    'YW==x': 4,
    'YWJ\n=x': 5,
    YWé: 2,
  };
  for (const [text, at] of Object.entries(wrong))
    expect(base64Problem(text)).toBe(`illegal base64 data at input byte ${at}`);
  for (const text of ['', 'YWJj', 'YWJjZA==', 'YWJ=', 'YW=\n=', 'YW\nJj']) expect(base64Problem(text)).toBeUndefined();
});
