export const [quote, backslash, comma] = [0x22, 0x5c, 0x2c] as const;

const shortString = 24;

/** Where the string ends whose first character is at `from`. */
export function endOfString(bytes: Uint8Array, from: number): number {
  // Most are shorter than a call takes.
  for (let at = from; at < from + shortString; at++) {
    if (bytes[at] === quote) return at;
    if (bytes[at] === backslash) break;
  }
  for (let at = from; ; at++) {
    at = bytes.indexOf(quote, at);
    if (at < 0) return bytes.length;
    let backslashes = 0;
    while (at - backslashes > from && bytes[at - backslashes - 1] === backslash) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
}
