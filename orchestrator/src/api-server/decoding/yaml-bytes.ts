import { isUtf8 } from 'node:buffer';

/**
 * The text of a YAML body, which may be UTF-16 where it begins with a mark that says so. Unlike in JSON, where each
 * byte that is wrong is replaced, none may be.
 * @throws Error – it is neither, in the words of go.yaml.in/yaml/v2's reader
 */
export function yamlTextOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  const mark = bytes.subarray(0, 2).toString('hex');
  if (mark === 'fffe') return utf16Text(bytes.subarray(2));
  if (mark === 'feff') return utf16Text(swapped(bytes.subarray(2)));
  let problem: string | undefined;
  for (let at = 0; problem === undefined; at += widthOf(bytes[at])) problem = problemAt(bytes, at);
  throw new Error(`yaml: ${problem}`);
}

function swapped(bytes: Buffer): Buffer {
  const pairs = Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % 2))).swap16();
  return Buffer.concat([pairs, bytes.subarray(pairs.length)]);
}

function utf16Text(bytes: Buffer): string {
  const text = bytes.toString('utf16le');
  const lone = text.search(/\p{Surrogate}/u);
  if (lone >= 0) {
    const isLow = text.charCodeAt(lone) >= 0xdc00;
    const begun = lone === text.length - 1 ? 'incomplete UTF-16 surrogate pair' : 'expected low surrogate area';
    throw new Error(`yaml: ${isLow ? 'unexpected low surrogate area' : begun}`);
  }
  if (bytes.length % 2 === 1) throw new Error('yaml: incomplete UTF-16 character');
  return text;
}

/** Of the character that a byte begins; none begins with what is left. */
function widthOf(first = 0): number {
  if (first < 0x80) return 1;
  if ((first & 0xe0) === 0xc0) return 2;
  if ((first & 0xf0) === 0xe0) return 3;
  return (first & 0xf8) === 0xf0 ? 4 : 0;
}

function problemAt(bytes: Buffer, at: number): string | undefined {
  const width = widthOf(bytes[at]);
  if (width === 0) return 'invalid leading UTF-8 octet';
  if (at + width > bytes.length) return 'incomplete UTF-8 sequence';
  const character = bytes.subarray(at, at + width);
  if (isUtf8(character)) return undefined;
  if (character.subarray(1).some((octet) => (octet & 0xc0) !== 0x80)) return 'invalid trailing UTF-8 octet';
  const [first = 0, second = 0] = character;
  const isTooLong =
    width === 2 || (width === 3 && first === 0xe0 && second < 0xa0) || (first === 0xf0 && second < 0x90);
  return isTooLong ? 'invalid length of a UTF-8 sequence' : 'invalid Unicode character';
}
