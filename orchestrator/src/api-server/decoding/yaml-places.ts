/** Where what stands in a text of YAML that cannot be read; told from its lines and brackets, for no parser could. */
export class YamlPlaces {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  startsWith(offset: number, sign: string): boolean {
    return this.#text.startsWith(sign, offset);
  }

  /** What stands in front, blanks and line ends at its end left out. */
  before(offset: number): string {
    return this.#text.slice(0, offset).trimEnd();
  }

  /** The colon after a key that begins at `offset`. */
  colon(offset: number): number {
    const at = this.#text.slice(offset).search(/:(?:\s|$)/);
    return at < 0 ? offset : offset + at;
  }

  /** Where the next text stands, or the end. */
  next(offset: number): number {
    const rest = this.#text.slice(offset);
    return offset + (/^(?:\s|(?<=\s)#[^\n]*)*/.exec(rest)?.[0].length ?? 0);
  }

  /** The bracket that is open. Those within plain texts do not count. */
  bracket(offset: number): string | undefined {
    const open: string[] = [];
    const signs = /"(?:[^"\\]|\\.)*"|'[^']*'|(?<=^|[\s[{,:-])[[{]|[\]}]|(?<=^|\s)#[^\n]*/g;
    for (const { 0: sign } of this.#text.slice(0, offset).matchAll(signs)) {
      if (sign === '[' || sign === '{') open.push(sign);
      else if (sign === ']' || sign === '}') open.pop();
    }
    return open.at(-1);
  }

  /** Whether a list's item is what stands on this line. */
  isInList(offset: number): boolean {
    const line = this.#line(offset);
    const inLine = this.#text.slice(line, offset);
    if (inLine.trim() === '') return /^(?:---\s+)?(?:#[^\n]*\n|\s)*-\s/.test(this.#text);
    return /^\s*-\s/.test(inLine) && !/:\s/.test(inLine);
  }

  /** Whether the list that ends here stands as far left as its key. */
  isListOfKey(offset: number): boolean {
    const lines = this.#text.slice(0, this.next(offset)).split('\n').slice(0, -1);
    const item = lines.findLastIndex((line) => /^\s*-(?:\s|$)/.test(line));
    if (item < 0) return false;
    const column = indentOf(lines[item] as string);
    const parent = lines
      .slice(0, item)
      .findLast((line) => isContent(line) && indentOf(line) <= column && !/^\s*-/.test(line));
    return parent !== undefined && indentOf(parent) === column;
  }

  /** Whether a map would begin with this key. */
  isFirstKey(offset: number): boolean {
    const line = this.#line(offset);
    const column = offset - line;
    if (this.#text.slice(line, offset).trim() !== '') return true;
    const above = this.#text
      .slice(0, line)
      .split('\n')
      .findLast((each) => isContent(each) && columnOfKey(each) <= column);
    return above === undefined || columnOfKey(above) < column;
  }

  /** Where a key that begins at `start` is known to be none: its next line, where that is no further right. */
  afterKey(start: number, end: number): number {
    const column = start - this.#line(start);
    let at = this.#text.indexOf('\n', start);
    for (; at >= 0 && at < end; at = this.#text.indexOf('\n', at + 1)) {
      const next = this.next(at);
      if (next < end && next - this.#line(next) <= column) return next;
    }
    const follows = this.#text.slice(end).match(/^\s*:(?:\s|$)/);
    return follows ? end : this.next(end);
  }

  /** What ends a text in quotes that has no end. */
  endOfQuoted(offset: number): { words: string; offset: number } {
    const marker = /^(?:---|\.\.\.)(?:\s|$)/m.exec(this.#text.slice(offset));
    if (marker) return { words: 'found unexpected document indicator', offset: offset + marker.index };
    return { words: 'found unexpected end of stream', offset: this.#text.length };
  }

  #line(offset: number): number {
    return this.#text.lastIndexOf('\n', offset - 1) + 1;
  }
}

function isContent(line: string): boolean {
  return /^\s*[^\s#]/.test(line);
}

function indentOf(line: string): number {
  return line.search(/\S|$/);
}

/** Keys of a list's item begin after its dash. */
function columnOfKey(line: string): number {
  return /^\s*(?:-\s+)*/.exec(line)?.[0].length ?? 0;
}
