import { Buffer, isUtf8 } from 'node:buffer';

/**
 * Bytes as a string that gives the same bytes back: UTF-8 where it is, and U+DC80..U+DCFF (halves of pairs that
 * UTF-8 never holds) for each byte that is not. The scheme of Python's surrogateescape, PEP 383.
 */
export function decodeBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  let text = '';
  for (let at = 0; at < buffer.length; ) {
    const length = sequenceLength(buffer, at);
    text += length > 0 ? buffer.toString('utf8', at, at + length) : String.fromCharCode(0xdc00 + buffer[at]!);
    at += Math.max(1, length);
  }
  return text;
}

/** The bytes of such a string, or undefined where a lone surrogate stands for no byte. */
export function encodeBytes(text: string): Buffer | undefined {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code >= 0xdc80 && code <= 0xdcff) parts.push(Buffer.of(code - 0xdc00));
    else if (code >= 0xd800 && code <= 0xdfff) return undefined;
    else parts.push(Buffer.from(character, 'utf8'));
  }
  return Buffer.concat(parts);
}

/** Bytes of the valid UTF-8 sequence at `at`, 0 where there is none. */
function sequenceLength(buffer: Buffer, at: number): number {
  const lead = buffer[at]!;
  const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  return at + length <= buffer.length && isUtf8(buffer.subarray(at, at + length)) ? length : 0;
}
