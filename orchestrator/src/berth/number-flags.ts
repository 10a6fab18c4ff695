import { durationMs } from '../api-server/go-duration.ts';
import { BerthError } from './berth-error.ts';

/** @throws BerthError Usage */
export function countFlag(flag: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new BerthError('Usage', `${flag} takes a whole number from 0 to 999999999, not "${text}"`);
}

/** @returns milliseconds. @throws BerthError Usage – it is none, or less than `leastMs`. */
export function durationFlag(
  flag: string,
  text: string,
  { example, leastMs = 0 }: { readonly example: string; readonly leastMs?: number },
): number {
  const ms = durationMs(text);
  if (ms !== undefined && ms >= leastMs) return ms;
  throw new BerthError('Usage', `${flag} takes a duration such as ${example}, not "${text}"`);
}
