/** One priority level's wish, with the least and the most it may get. */
export interface SeatWish {
  readonly target: number;
  readonly least: number;
  readonly most: number;
}

export interface Allocation {
  readonly seats: readonly number[];
  /** What each level gets of its target, where no bound says otherwise. */
  readonly fairFraction: number;
}

/** Upstream's: keeps targets of idle levels comparable. */
const minTarget = 0.001;
/** Sums of rounded numbers differ by less. */
const epsilon = 1e-7;

/**
 * Divides `total` seats so that every level has the same fraction of its target, within its bounds
 * (apiserver util/flowcontrol computeConcurrencyAllocation).
 * @throws RangeError – the bounds leave no such division.
 */
export function allocateSeats(total: number, wishes: readonly SeatWish[]): Allocation {
  const items = wishes.map((wish) => ({ ...wish, target: Math.max(wish.target, minTarget) }));
  const sum = (of: (item: SeatWish) => number) => items.reduce((all, item) => all + of(item), 0);
  const lowest = sum(({ least }) => least);
  const highest = sum(({ most }) => most);
  if (lowest - total > epsilon) throw new RangeError(`lower bounds sum to ${lowest}, higher than ${total}`);
  if (total - highest > epsilon) throw new RangeError(`upper bounds sum to ${highest}, lower than ${total}`);
  if (total === 0) return { seats: items.map(() => 0), fairFraction: 0 };
  const fairFraction = fractionOf(total, items);
  const seats = items.map(({ target, least, most }) => Math.max(least, Math.min(most, fairFraction * target)));
  return { seats, fairFraction };
}

/**
 * The sum of what all get rises with the fraction, piece by piece in a straight line: it bends where a level leaves its
 * lower bound or reaches its upper one. The pieces are walked until the sum is reached.
 */
function fractionOf(total: number, items: readonly SeatWish[]): number {
  const bends = items
    .flatMap(({ target, least, most }) => [
      { at: least / target, slope: target },
      { at: most / target, slope: -target },
    ])
    .toSorted((a, b) => a.at - b.at);
  let reached = items.reduce((all, { least }) => all + least, 0);
  let at = bends[0]?.at ?? 0;
  let slope = 0;
  for (const bend of bends) {
    const more = (bend.at - at) * slope;
    if (slope > 0 && reached + more >= total) return at + (total - reached) / slope;
    reached += more;
    at = bend.at;
    slope += bend.slope;
  }
  return at;
}
