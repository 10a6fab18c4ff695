/** Code points in pairs: from, to. */
export type Ranges = readonly number[];

export interface UnicodeProperty {
  readonly pattern: RegExp;
  readonly negated: boolean;
}

export interface CharSetParts {
  readonly ranges: Ranges;
  readonly properties: readonly UnicodeProperty[];
  readonly negated: boolean;
  readonly foldCase: boolean;
}

const word: Ranges = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];
const digit: Ranges = [0x30, 0x39];
/** RE2's `\s`: without the vertical tab. */
const space: Ranges = [0x09, 0x0a, 0x0c, 0x0d, 0x20, 0x20];

/** `\d`, `\s`, `\w` and, in capitals, what is not in them. */
export const perlClasses: Readonly<Record<string, Ranges>> = {
  d: digit,
  D: complement(digit),
  s: space,
  S: complement(space),
  w: word,
  W: complement(word),
};

const alpha: Ranges = [0x41, 0x5a, 0x61, 0x7a];

/** `[:alpha:]` and its like. */
export const posixClasses: Readonly<Record<string, Ranges>> = {
  alnum: [...digit, ...alpha],
  alpha,
  ascii: [0, 0x7f],
  blank: [0x09, 0x09, 0x20, 0x20],
  cntrl: [0, 0x1f, 0x7f, 0x7f],
  digit,
  graph: [0x21, 0x7e],
  lower: [0x61, 0x7a],
  print: [0x20, 0x7e],
  punct: [0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e],
  space: [0x09, 0x0d, 0x20, 0x20],
  upper: [0x41, 0x5a],
  word,
  xdigit: [0x30, 0x39, 0x41, 0x46, 0x61, 0x66],
};

/** What is not in `ranges`, which must be in order. */
export function complement(ranges: Ranges): Ranges {
  const result: number[] = [];
  let next = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    const [from, to] = [ranges[i] as number, ranges[i + 1] as number];
    if (from > next) result.push(next, from - 1);
    next = Math.max(next, to + 1);
  }
  if (next <= 0x10ffff) result.push(next, 0x10ffff);
  return result;
}

export function inOrder(ranges: Ranges): Ranges {
  const pairs: [number, number][] = [];
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i] as number, ranges[i + 1] as number]);
  pairs.sort((a, b) => a[0] - b[0]);
  return pairs.flat();
}

/** One character of a pattern: which code points it takes. ASCII by table, the rest by search. */
export class CharSet {
  readonly #ascii = new Uint8Array(128);
  readonly #ranges: Ranges;
  readonly #parts: CharSetParts;

  constructor(parts: CharSetParts) {
    this.#parts = parts;
    this.#ranges = inOrder(parts.ranges);
    for (let code = 0; code < 128; code++) this.#ascii[code] = this.#find(code) ? 1 : 0;
  }

  has(code: number): boolean {
    return code < 128 ? this.#ascii[code] === 1 : this.#find(code);
  }

  #find(code: number): boolean {
    const { negated, foldCase } = this.#parts;
    const found = this.#isIn(code) || (foldCase && foldsOf(code).some((other) => this.#isIn(other)));
    return found !== negated;
  }

  #isIn(code: number): boolean {
    for (let i = 0; i < this.#ranges.length && (this.#ranges[i] as number) <= code; i += 2)
      if (code <= (this.#ranges[i + 1] as number)) return true;
    if (this.#parts.properties.length === 0) return false;
    const text = String.fromCodePoint(code);
    return this.#parts.properties.some(({ pattern, negated }) => pattern.test(text) !== negated);
  }
}

/** The same letter in the other cases, as far as it stays one code point. */
function foldsOf(code: number): number[] {
  const text = String.fromCodePoint(code);
  const cases = [text.toLowerCase(), text.toUpperCase(), text.toUpperCase().toLowerCase()];
  return cases.filter((other) => [...other].length === 1).map((other) => other.codePointAt(0) as number);
}
