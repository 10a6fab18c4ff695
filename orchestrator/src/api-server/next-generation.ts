import { type Integer, integerOf } from '@berth/kit';

/** The generation after `generation`, an int64 that a client may have chosen; absent is 0. */
export function nextGeneration(generation: number | undefined): number {
  const current = (generation ?? 0) as Integer;
  const isSmall = typeof current === 'number' && current < Number.MAX_SAFE_INTEGER;
  return (isSmall ? current + 1 : integerOf(BigInt(current) + 1n)) as number;
}
