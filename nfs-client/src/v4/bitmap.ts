import type { XdrReader } from '../xdr/xdr-reader.ts';
import type { XdrWriter } from '../xdr/xdr-writer.ts';

/** Attribute numbers end below 96 in every minor version; what a server sets above is of no use here. */
const maxWords = 8;

/** `bitmap4`: words of 32 bits, the lowest first. */
export function writeBitmap(writer: XdrWriter, bits: readonly number[]): void {
  const words: number[] = [];
  for (const bit of bits) {
    while (words.length <= bit >>> 5) words.push(0);
    words[bit >>> 5] = (words[bit >>> 5]! | (1 << (bit & 31))) >>> 0;
  }
  writer.array(words, (word) => writer.u32(word));
}

/** The bits that are set, ascending: the order in which attributes follow. */
export function readBitmap(reader: XdrReader): number[] {
  const words = reader.array(maxWords, () => reader.u32());
  const bits: number[] = [];
  for (const [index, word] of words.entries())
    for (let bit = 0; bit < 32; bit++) if ((word >>> bit) & 1) bits.push(index * 32 + bit);
  return bits;
}
