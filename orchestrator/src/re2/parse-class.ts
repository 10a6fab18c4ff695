import {
  CharSet,
  complement,
  inOrder,
  perlClasses,
  posixClasses,
  type Ranges,
  type UnicodeProperty,
} from './char-set.ts';
import type { PatternReader } from './pattern-reader.ts';

/** What one escape or one member of a class stands for. */
export interface ClassItem {
  readonly ranges: Ranges;
  readonly properties: readonly UnicodeProperty[];
}

const single: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** `[…]`, from its opening bracket. @throws Re2SyntaxError */
export function parseClass(reader: PatternReader, foldCase: boolean): CharSet {
  const start = reader.at;
  reader.next();
  const negated = reader.take('^');
  const ranges: number[] = [];
  const properties: UnicodeProperty[] = [];
  for (let first = true; first || reader.peek !== ']'; first = false) {
    if (reader.done) throw reader.error('missing closing ]', reader.pattern.slice(start));
    const member = posixMember(reader) ?? classMember(reader, start);
    for (const bound of member.ranges) ranges.push(bound);
    properties.push(...member.properties);
  }
  reader.next();
  return new CharSet({ ranges, properties, negated, foldCase });
}

/** `[:alpha:]`, `[:^alpha:]` */
function posixMember(reader: PatternReader): ClassItem | undefined {
  const match = /^\[:(\^?)([^:\]]*):\]/.exec(reader.rest);
  if (!match) return undefined;
  const ranges = posixClasses[match[2] as string];
  if (!ranges) throw reader.error('invalid character class range', match[0]);
  reader.skip(match[0].length);
  return { ranges: match[1] === '^' ? complement(inOrder(ranges)) : ranges, properties: [] };
}

function classMember(reader: PatternReader, start: number): ClassItem {
  const from = reader.at;
  const low = oneMember(reader, start);
  const { ranges, properties } = low;
  const isSingle = properties.length === 0 && ranges.length === 2 && ranges[0] === ranges[1];
  if (!isSingle || reader.peek !== '-' || reader.pattern[reader.at + 1] === ']') return low;
  if (reader.at + 1 >= reader.pattern.length) throw reader.error('missing closing ]', reader.pattern.slice(start));
  reader.next();
  const high = oneMember(reader, start);
  const [a, b] = [ranges[0] as number, high.ranges[0] as number];
  if (high.ranges.length !== 2 || high.ranges[0] !== high.ranges[1] || high.properties.length > 0 || b < a)
    throw reader.error('invalid character class range', reader.from(from));
  return { ranges: [a, b], properties: [] };
}

function oneMember(reader: PatternReader, start: number): ClassItem {
  if (reader.done) throw reader.error('missing closing ]', reader.pattern.slice(start));
  if (reader.peek === '\\') return classItem(reader);
  const code = reader.next();
  return { ranges: [code, code], properties: [] };
}

/** An escape that stands for characters, from its backslash. @throws Re2SyntaxError */
export function classItem(reader: PatternReader): ClassItem {
  const start = reader.at;
  reader.next();
  if (reader.done) throw reader.error('trailing backslash at end of expression', '');
  const perl = perlClasses[reader.peek as string];
  if (perl) {
    reader.next();
    return { ranges: perl, properties: [] };
  }
  if (reader.peek === 'p' || reader.peek === 'P') return unicodeClass(reader, start);
  const code = escapedCode(reader, start);
  return { ranges: [code, code], properties: [] };
}

function escapedCode(reader: PatternReader, start: number): number {
  const octal = /^(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(reader.rest);
  if (octal) {
    reader.skip(octal[0].length);
    return Number.parseInt(octal[0], 8);
  }
  const hex = /^x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})/.exec(reader.rest);
  if (hex) {
    const code = Number.parseInt((hex[1] ?? hex[2]) as string, 16);
    reader.skip(hex[0].length);
    if (code <= 0x10ffff) return code;
    throw reader.error('invalid escape sequence', reader.from(start));
  }
  const letter = reader.peek as string;
  const code = reader.next();
  const known = single[letter];
  if (known !== undefined) return known;
  if (code < 0x80 && !/[0-9A-Za-z]/.test(letter)) return code;
  throw reader.error('invalid escape sequence', reader.from(start));
}

const properties = new Map<string, RegExp | undefined>();

/** `\pL`, `\p{Greek}`, `\P{^Greek}` */
function unicodeClass(reader: PatternReader, start: number): ClassItem {
  const negated = reader.next() === 0x50;
  const match = /^(?:\{(\^?)([^}]*)\}|([^{]))/u.exec(reader.rest);
  if (!match) throw reader.error('invalid character class range', reader.pattern.slice(start));
  reader.skip(match[0].length);
  const name = (match[2] ?? match[3]) as string;
  if (name === 'Any') return { ranges: negated ? [] : [0, 0x10ffff], properties: [] };
  const pattern = propertyOf(name);
  if (!pattern) throw reader.error('invalid character class range', reader.from(start));
  return { ranges: [], properties: [{ pattern, negated: negated !== (match[1] === '^') }] };
}

/** General categories by their short names, else scripts: what Go's unicode tables have. */
function propertyOf(name: string): RegExp | undefined {
  if (!/^[A-Za-z_]+$/.test(name)) return undefined;
  if (properties.has(name)) return properties.get(name);
  const source = /^[A-Z][a-z]?$/.test(name) ? `\\p{General_Category=${name}}` : `\\p{Script=${name}}`;
  let pattern: RegExp | undefined;
  try {
    pattern = new RegExp(`^${source}$`, 'u');
  } catch {
    pattern = undefined;
  }
  properties.set(name, pattern);
  return pattern;
}
