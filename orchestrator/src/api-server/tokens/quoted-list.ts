import { goQuote } from '@berth/kube';

/** `["a" "b"]`: how Go writes texts of a list (`%q`). */
export function quotedList(texts: readonly string[]): string {
  return `[${texts.map(goQuote).join(' ')}]`;
}
