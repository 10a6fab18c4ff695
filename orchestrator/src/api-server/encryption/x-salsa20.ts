export const nonceBytes = 24;

const blockBytes = 64;
const rounds = 20;
/** "expand 32-byte k" */
const constants = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

/** Each line: four words that one quarter of a round mixes; first the columns, then the rows. */
const quarters = [
  ...[0, 4, 8, 12],
  ...[5, 9, 13, 1],
  ...[10, 14, 2, 6],
  ...[15, 3, 7, 11],
  ...[0, 1, 2, 3],
  ...[5, 6, 7, 4],
  ...[10, 11, 8, 9],
  ...[15, 12, 13, 14],
];

/** Lays the key stream of XSalsa20 over `text`, in place (Bernstein, "Extending the Salsa20 nonce"). */
export function xSalsa20(key: Uint8Array, nonce: Uint8Array, text: Uint8Array): void {
  const [start, rest] = [wordsOf(nonce.subarray(0, 16)), wordsOf(nonce.subarray(16))];
  const input = layout(derivedKey(wordsOf(key), start), [...rest, 0, 0]);
  const mixed = new Uint32Array(16);
  for (let at = 0; at < text.length; at += blockBytes) {
    mixed.set(input);
    mix(mixed);
    const end = Math.min(at + blockBytes, text.length);
    for (let i = 0; i < 16; i++) mixed[i] = (mixed[i] as number) + (input[i] as number);
    for (let i = at; i < end; i++)
      text[i] = (text[i] as number) ^ ((mixed[(i - at) >> 2] as number) >>> (((i - at) & 3) * 8));
    input[8] = (input[8] as number) + 1;
    if (input[8] === 0) input[9] = (input[9] as number) + 1;
  }
}

/** HSalsa20: the key of this nonce's first sixteen bytes. */
function derivedKey(key: readonly number[], nonce: readonly number[]): number[] {
  const words = layout(key, nonce);
  mix(words);
  return [0, 5, 10, 15, 6, 7, 8, 9].map((place) => words[place] as number);
}

/** The block as it is before it is mixed: constants on the diagonal, the key's halves, four words between them. */
function layout(key: readonly number[], between: readonly number[]): Uint32Array {
  const [a, b, c, d] = constants;
  return Uint32Array.of(a, ...key.slice(0, 4), b, ...between, c, ...key.slice(4), d);
}

function mix(words: Uint32Array): void {
  for (let round = 0; round < rounds; round += 2)
    for (let at = 0; at < quarters.length; at += 4) {
      const [a, b, c, d] = [quarters[at], quarters[at + 1], quarters[at + 2], quarters[at + 3]] as Quarter;
      words[b] = word(words, b) ^ turned(word(words, a) + word(words, d), 7);
      words[c] = word(words, c) ^ turned(word(words, b) + word(words, a), 9);
      words[d] = word(words, d) ^ turned(word(words, c) + word(words, b), 13);
      words[a] = word(words, a) ^ turned(word(words, d) + word(words, c), 18);
    }
}

type Quarter = [number, number, number, number];

const word = (words: Uint32Array, at: number) => words[at] as number;
const turned = (sum: number, bits: number) => (sum << bits) | (sum >>> (32 - bits));

function wordsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}
