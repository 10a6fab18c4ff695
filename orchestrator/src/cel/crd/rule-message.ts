import type { Result } from '../values/value.ts';

/** What a message expression may give at most (celconfig). */
const maxBytes = 5 * 1024;

/** The text for people; undefined where the expression gave none that can be used. */
export function messageOf(result: Result): string | undefined {
  if (typeof result !== 'string') return undefined;
  const text = result.trim();
  const usable = text !== '' && Buffer.byteLength(text) <= maxBytes && !text.includes('\n');
  return usable ? text : undefined;
}
