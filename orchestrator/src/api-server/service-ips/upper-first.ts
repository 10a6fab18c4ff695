import type { Rng } from '@berth/kit';

/** How much of a range is left, as long as there is more, to who asks for a certain value: a share of it between these. */
export interface LowerPart {
  readonly share: number;
  readonly atLeast: number;
  readonly atMost: number;
}

/** Where in a range something is looked for. */
export interface Looking {
  /** What counts for its lower part. */
  readonly size: bigint;
  /** What can be given out. */
  readonly usable: bigint;
  readonly lower: LowerPart;
  readonly rng: Rng;
}

/** Every place of a range once: from anywhere in its upper part on, then in the lower one (KEP-3070, KEP-3668: calculateRangeOffset). */
export function* upperFirst({ size, usable, lower, rng }: Looking): Generator<bigint> {
  const { share, atLeast, atMost } = lower;
  const part = size / BigInt(share);
  const wanted = part < atLeast ? BigInt(atLeast) : part > atMost ? BigInt(atMost) : part;
  const reserved = size <= atLeast ? 0n : wanted < usable ? wanted : usable;
  for (const [first, count] of [
    [reserved, usable - reserved],
    [0n, reserved],
  ] as const) {
    const start = (BigInt(Math.floor(rng.next() * Number.MAX_SAFE_INTEGER)) * count) / BigInt(Number.MAX_SAFE_INTEGER);
    for (let i = 0n; i < count; i++) yield first + ((start + i) % count);
  }
}
