import { hash } from 'node:crypto';
import { LruMap } from '@berth/kube';

/** More bits of a hash than this are not used (apiserver util/shufflesharding). */
export const maxHashBits = 60;

/** How many bits of a hash a hand takes. */
export function requiredEntropyBits(deckSize: number, handSize: number): number {
  return Math.ceil(Math.log2(deckSize) * handSize);
}

/**
 * Deals each flow a hand of queues: two flows rarely have the same hand, so that one that floods its queues leaves others
 * of another flow's hand free. The same flow always has the same hand.
 */
export class Dealer {
  readonly #deckSize: number;
  readonly #handSize: number;
  /** A hash costs more than all else about a request that need not wait. */
  readonly #known = new LruMap<string, readonly number[]>(1000);

  /** @throws RangeError – a hand that no hash can deal. */
  constructor(deckSize: number, handSize: number) {
    if (handSize > deckSize) throw new RangeError(`handSize ${handSize} is greater than deckSize ${deckSize}`);
    const bits = requiredEntropyBits(deckSize, handSize);
    if (bits > maxHashBits)
      throw new RangeError(
        `required entropy bits of deckSize ${deckSize} and handSize ${handSize} is greater than ${maxHashBits}`,
      );
    this.#deckSize = deckSize;
    this.#handSize = handSize;
  }

  /** The queues of a flow: a schema's name and what tells its flows apart. */
  handOf(schema: string, distinguisher: string): readonly number[] {
    const flow = `${schema}\0${distinguisher}`;
    const known = this.#known.get(flow);
    if (known) return known;
    const hand = this.deal(hash('sha256', flow, 'buffer').readBigUInt64LE());
    this.#known.set(flow, hand);
    return hand;
  }

  /** As upstream deals a hash: its remainders by ever smaller decks, each counted among the cards that are left. */
  deal(hashValue: bigint): number[] {
    const hand: number[] = [];
    const remainders: number[] = [];
    let rest = hashValue;
    for (let i = 0; i < this.#handSize; i++) {
      const left = BigInt(this.#deckSize - i);
      remainders.push(Number(rest % left));
      rest /= left;
    }
    for (const [i, remainder] of remainders.entries()) {
      let card = remainder;
      for (let j = i; j > 0; j--) if (card >= (remainders[j - 1] as number)) card++;
      hand.push(card);
    }
    return hand;
  }
}
