import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Dealer, requiredEntropyBits } from './shuffle-sharding.ts';

test('a hand has different queues of the deck, whatever the hash', () => {
  const dealer = new Dealer(128, 6);
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (hash) => {
      const hand = dealer.deal(hash);
      expect(new Set(hand).size).toBe(6);
      for (const queue of hand) expect(queue).toBeGreaterThanOrEqual(0);
      for (const queue of hand) expect(queue).toBeLessThan(128);
    }),
  );
});

test('small decks are dealt as upstream deals them', () => {
  // Remainders by 4 and 3 of each hash, the second counted among the cards that are left.
  const dealer = new Dealer(4, 2);
  expect(Array.from({ length: 12 }, (_, hash) => dealer.deal(BigInt(hash)).join(''))).toEqual([
    '01',
    '10',
    '20',
    '30',
    '02',
    '12',
    '21',
    '31',
    '03',
    '13',
    '23',
    '32',
  ]);
});

test('a flow always has the same hand, and flows have different ones', () => {
  const dealer = new Dealer(64, 8);
  const hand = dealer.handOf('service-accounts', 'jane');
  expect(dealer.handOf('service-accounts', 'jane')).toBe(hand);
  expect(new Dealer(64, 8).handOf('service-accounts', 'jane')).toEqual(hand);
  const hands = new Set(Array.from({ length: 200 }, (_, i) => dealer.handOf('s', `user-${i}`).toSorted().join()));
  expect(hands.size).toBeGreaterThan(195);
});

test('a hand that a hash cannot deal is refused', () => {
  expect(requiredEntropyBits(128, 8)).toBe(56);
  expect(() => new Dealer(128, 9)).toThrow(/required entropy bits of deckSize 128 and handSize 9 is greater than 60/);
  expect(() => new Dealer(4, 5)).toThrow(/handSize 5 is greater than deckSize 4/);
});
