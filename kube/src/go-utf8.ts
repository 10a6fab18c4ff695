import { isUtf8 } from 'node:buffer';

const replacement = [0xef, 0xbf, 0xbd] as const;

/** The text of bytes as Go reads JSON: each byte that is no part of a character is U+FFFD, where JavaScript makes one of several. */
export function goUtf8(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  const text = Buffer.allocUnsafe(bytes.length * replacement.length);
  let length = 0;
  for (let at = 0; at < bytes.length; ) {
    const width = characterAt(bytes, at);
    if (width === 0) {
      text.set(replacement, length);
      length += replacement.length;
      at++;
    } else {
      for (const end = at + width; at < end; at++) text[length++] = bytes[at] as number;
    }
  }
  return text.toString('utf8', 0, length);
}

/** How many bytes the character has that begins there; none does: 0 (RFC 3629 §4). */
function characterAt(bytes: Buffer, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return 1;
  const width = first < 0xc2 || first > 0xf4 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  for (let i = 1; i < width; i++) {
    const byte = bytes[at + i] ?? 0;
    if (byte < (i === 1 ? lowest : 0x80) || byte > (i === 1 ? highest : 0xbf)) return 0;
  }
  return width;
}
