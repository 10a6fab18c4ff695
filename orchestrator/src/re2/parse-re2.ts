import { CharSet, complement, type Ranges } from './char-set.ts';
import { classItem, parseClass } from './parse-class.ts';
import { PatternReader } from './pattern-reader.ts';

export type Assertion = 'textStart' | 'textEnd' | 'lineStart' | 'lineEnd' | 'wordBoundary' | 'noWordBoundary';

/** What a pattern means, as far as it matters to whether it matches: no captures, no preference. */
export type Node =
  | { readonly type: 'empty' }
  | { readonly type: 'set'; readonly set: CharSet }
  | { readonly type: 'assert'; readonly assertion: Assertion }
  | { readonly type: 'concat' | 'alternate'; readonly items: readonly Node[] }
  | { readonly type: 'repeat'; readonly item: Node; readonly min: number; readonly max: number };

interface Flags {
  readonly foldCase: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
}

/** As Go's regexp: deeper or more often is refused. */
const maxHeight = 1000;
const maxRepeat = 1000;

/** Reads RE2 syntax with Perl's extensions, as Go's regexp.Compile does. @throws Re2SyntaxError */
export function parseRe2(pattern: string): Node {
  const parser = new Parser(new PatternReader(pattern));
  return parser.whole();
}

class Parser {
  readonly #reader: PatternReader;
  /** A long pattern has few characters; the table of each is made once. */
  readonly #exact = new Map<number, Node>();
  readonly #folded = new Map<number, Node>();
  #flags: Flags = { foldCase: false, multiLine: false, dotAll: false };
  #depth = 0;

  constructor(reader: PatternReader) {
    this.#reader = reader;
  }

  whole(): Node {
    const node = this.#alternation();
    if (!this.#reader.done) throw this.#reader.error('unexpected )', this.#reader.pattern);
    return node;
  }

  #alternation(): Node {
    if (++this.#depth > maxHeight) throw this.#reader.error('expression nests too deeply', this.#reader.pattern);
    const items = [this.#sequence()];
    while (this.#reader.take('|')) items.push(this.#sequence());
    this.#depth--;
    return items.length === 1 ? (items[0] as Node) : { type: 'alternate', items };
  }

  #sequence(): Node {
    const items: Node[] = [];
    while (!this.#reader.done && this.#reader.peek !== '|' && this.#reader.peek !== ')') {
      if (this.#reader.startsWith('\\Q')) items.push(...this.#quoted());
      else {
        const item = this.#atom();
        if (item) items.push(item);
        else continue;
      }
      const last = items.pop();
      if (last) items.push(this.#repeated(last));
    }
    return items.length === 1 ? (items[0] as Node) : { type: 'concat', items };
  }

  /** Undefined: only flags were set. */
  #atom(): Node | undefined {
    const reader = this.#reader;
    const char = reader.peek;
    switch (char) {
      case '(':
        return this.#group();
      case '[':
        return { type: 'set', set: parseClass(reader, this.#flags.foldCase) };
      case '.':
        reader.next();
        return this.#set(this.#flags.dotAll ? [0, 0x10ffff] : complement([0x0a, 0x0a]));
      case '^':
        reader.next();
        return { type: 'assert', assertion: this.#flags.multiLine ? 'lineStart' : 'textStart' };
      case '$':
        reader.next();
        return { type: 'assert', assertion: this.#flags.multiLine ? 'lineEnd' : 'textEnd' };
      case '\\':
        return this.#escape();
      case '*':
      case '+':
      case '?':
        throw reader.error('missing argument to repetition operator', char);
      case '{': {
        const start = reader.at;
        if (reader.repeatCount()) throw reader.error('missing argument to repetition operator', reader.from(start));
        return this.#literal(reader.next());
      }
      default:
        return this.#literal(reader.next());
    }
  }

  #literal(code: number): Node {
    const known = this.#flags.foldCase ? this.#folded : this.#exact;
    const literal = known.get(code) ?? this.#set([code, code]);
    known.set(code, literal);
    return literal;
  }

  #set(ranges: Ranges): Node {
    const parts = { ranges, properties: [], negated: false, foldCase: this.#flags.foldCase };
    return { type: 'set', set: new CharSet(parts) };
  }

  #escape(): Node {
    const reader = this.#reader;
    const next = reader.pattern[reader.at + 1];
    const assertions: Readonly<Record<string, Assertion>> = {
      A: 'textStart',
      z: 'textEnd',
      b: 'wordBoundary',
      B: 'noWordBoundary',
    };
    const assertion = next === undefined ? undefined : assertions[next];
    if (assertion) {
      reader.skip(2);
      return { type: 'assert', assertion };
    }
    const item = classItem(reader);
    const parts = { ...item, negated: false, foldCase: this.#flags.foldCase };
    return { type: 'set', set: new CharSet(parts) };
  }

  #quoted(): Node[] {
    const reader = this.#reader;
    reader.skip(2);
    const items: Node[] = [];
    while (!reader.done && !reader.startsWith('\\E')) items.push(this.#literal(reader.next()));
    if (reader.startsWith('\\E')) reader.skip(2);
    return items;
  }

  #group(): Node | undefined {
    const reader = this.#reader;
    const start = reader.at;
    reader.next();
    const outer = this.#flags;
    if (reader.peek === '?') {
      reader.next();
      if (this.#groupHead(start) === 'flags') return undefined;
    }
    const inner = this.#alternation();
    this.#flags = outer;
    if (!reader.take(')')) throw reader.error('missing closing )', reader.pattern);
    return inner;
  }

  /** After `(?`: a name, flags for what follows, or flags for the group. */
  #groupHead(start: number): 'flags' | 'group' {
    const reader = this.#reader;
    const name = /^P?<([^>]*)(>?)/.exec(reader.rest);
    if (name) {
      const expression = reader.pattern.slice(start, name[2] === '' ? undefined : reader.at + name[0].length);
      if (name[2] === '' || !/^\w+$/.test(name[1] as string)) throw reader.error('invalid named capture', expression);
      reader.skip(name[0].length);
      return 'group';
    }
    const match = /^([imsU]*)(?:-([imsU]+))?([:)])/.exec(reader.rest);
    if (!match || (match[3] === ')' && match[1] === '' && match[2] === undefined)) {
      if (!reader.rest.includes(')')) throw reader.error('missing closing )', reader.pattern);
      throw reader.error('invalid or unsupported Perl syntax', reader.pattern.slice(start, reader.at + 1));
    }
    reader.skip(match[0].length);
    this.#flags = withFlags(withFlags(this.#flags, match[1] as string, true), match[2] ?? '', false);
    return match[3] === ')' ? 'flags' : 'group';
  }

  #repeated(item: Node): Node {
    const reader = this.#reader;
    const start = reader.at;
    const range = reader.repeatOperator();
    if (!range) return item;
    const [min, max] = range;
    if (min > maxRepeat || max > maxRepeat || (max >= 0 && min > max) || isTooOften(item, Math.max(min, max, 1)))
      throw reader.error('invalid repeat count', reader.from(start));
    reader.take('?');
    if (reader.repeatOperator()) throw reader.error('invalid nested repetition operator', reader.from(start));
    return { type: 'repeat', item, min, max };
  }
}

/** Whether counts inside each other multiply to more than one count may be (Go's repeatIsValid). */
function isTooOften(node: Node, times: number): boolean {
  if (times > maxRepeat) return true;
  switch (node.type) {
    case 'repeat':
      return isTooOften(node.item, times * Math.max(node.min, node.max, 1));
    case 'concat':
    case 'alternate':
      return times > 1 && node.items.some((item) => isTooOften(item, times));
    default:
      return false;
  }
}

function withFlags(flags: Flags, letters: string, on: boolean): Flags {
  return {
    foldCase: letters.includes('i') ? on : flags.foldCase,
    multiLine: letters.includes('m') ? on : flags.multiLine,
    dotAll: letters.includes('s') ? on : flags.dotAll,
  };
}
