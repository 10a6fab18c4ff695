import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTime } from './go-json.ts';

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
])('%s is refused in the words of time.Parse', (text, complaint) => {
  expect(() => parseTime(text)).toThrow(`parsing time ${JSON.stringify(text)}: ${complaint}`);
});
