import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allocateSeats, type SeatWish } from './allocate-seats.ts';

const wishes = fc.array(
  fc
    .record({ least: fc.nat(100), room: fc.nat(500), over: fc.nat(300) })
    .map(({ least, room, over }): SeatWish => ({ least, most: least + room, target: least + over })),
  { minLength: 1, maxLength: 12 },
);

test('all seats are given, none beyond its bounds, and who is within them has the same part of its target', () => {
  fc.assert(
    fc.property(wishes, fc.double({ min: 0, max: 1, noNaN: true }), (items, at) => {
      const low = items.reduce((sum, { least }) => sum + least, 0);
      const high = items.reduce((sum, { most }) => sum + most, 0);
      const total = Math.round(low + (high - low) * at);
      const { seats, fairFraction } = allocateSeats(total, items);
      expect(seats.reduce((sum, each) => sum + each, 0)).toBeCloseTo(total, 3);
      for (const [i, { least, most, target }] of items.entries()) {
        const own = seats[i] as number;
        expect(own).toBeGreaterThanOrEqual(least);
        expect(own).toBeLessThanOrEqual(most);
        if (own > least + 1e-6 && own < most - 1e-6) expect(own / Math.max(target, 0.001)).toBeCloseTo(fairFraction, 3);
      }
    }),
  );
});

test.each<[string, number, SeatWish[], number[]]>([
  ['equal targets', 30, [wish(10, 0, 100), wish(10, 0, 100)], [15, 15]],
  ['one that may not lend', 30, [wish(20, 20, 100), wish(5, 0, 100)], [24, 6]],
  ['one at its upper bound', 30, [wish(10, 0, 10), wish(10, 0, 100)], [10, 20]],
  ['an idle one', 30, [wish(0, 5, 100), wish(10, 0, 100)], [5, 25]],
])('%s', (_name, total, items, seats) => {
  expect(allocateSeats(total, items).seats.map((each) => Math.round(each))).toEqual(seats);
});

test('bounds that cannot hold are refused', () => {
  expect(() => allocateSeats(5, [wish(10, 10, 10)])).toThrow(/lower bounds sum to 10/);
  expect(() => allocateSeats(50, [wish(10, 10, 10)])).toThrow(/upper bounds sum to 10/);
});

function wish(target: number, least: number, most: number): SeatWish {
  return { target, least, most };
}
