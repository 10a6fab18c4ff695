/** At least and at most; sums and products stop at 2^64 − 1, as upstream's do. */
export interface Range {
  readonly min: bigint;
  readonly max: bigint;
}

export const unlimited = 2n ** 64n - 1n;
export const unknownRange: Range = { min: 0n, max: unlimited };

export const fixed = (value: bigint | number): Range => ({ min: BigInt(value), max: BigInt(value) });
const capped = (value: bigint): bigint => (value > unlimited ? unlimited : value);

export function plus(...ranges: readonly Range[]): Range {
  let [min, max] = [0n, 0n];
  for (const range of ranges) [min, max] = [capped(min + range.min), capped(max + range.max)];
  return { min, max };
}

export function times(a: Range, b: Range): Range {
  return { min: capped(a.min * b.min), max: capped(a.max * b.max) };
}

/** Rounded up, in doubles as upstream does. */
export function scaled(range: Range, factor: number): Range {
  return { min: scale(range.min, factor), max: scale(range.max, factor) };
}

function scale(value: bigint, factor: number): bigint {
  const product = Math.ceil(Number(value) * factor);
  return product >= 2 ** 64 ? unlimited : BigInt(product);
}

export function union(a: Range, b: Range): Range {
  return { min: a.min < b.min ? a.min : b.min, max: a.max > b.max ? a.max : b.max };
}
