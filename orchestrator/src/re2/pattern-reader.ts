import { Re2SyntaxError } from './re2-error.ts';

/** Where a parser stands in a pattern. */
export class PatternReader {
  readonly pattern: string;
  at = 0;

  constructor(pattern: string) {
    this.pattern = pattern;
  }

  get done(): boolean {
    return this.at >= this.pattern.length;
  }

  get peek(): string | undefined {
    return this.pattern[this.at];
  }

  get rest(): string {
    return this.pattern.slice(this.at);
  }

  /** The code point here, stepping over it. */
  next(): number {
    const code = this.pattern.codePointAt(this.at) as number;
    this.at += code > 0xffff ? 2 : 1;
    return code;
  }

  skip(count: number): void {
    this.at += count;
  }

  take(char: string): boolean {
    if (this.peek !== char) return false;
    this.at++;
    return true;
  }

  startsWith(text: string): boolean {
    return this.pattern.startsWith(text, this.at);
  }

  from(start: number): string {
    return this.pattern.slice(start, this.at);
  }

  /** `{n}`, `{n,}` or `{n,m}` here, stepping over it; anything else is no count and stays. */
  repeatCount(): readonly [min: number, max: number] | undefined {
    countPattern.lastIndex = this.at;
    const match = countPattern.exec(this.pattern);
    if (!match) return undefined;
    this.at += match[0].length;
    const min = Number(match[1]);
    return [min, match[2] === undefined ? min : match[2] === ',' ? -1 : Number(match[2].slice(1))];
  }

  /** A repetition operator here, stepping over it. */
  repeatOperator(): readonly [min: number, max: number] | undefined {
    if (this.take('*')) return [0, -1];
    if (this.take('+')) return [1, -1];
    if (this.take('?')) return [0, 1];
    return this.repeatCount();
  }

  error(code: string, expression: string): Re2SyntaxError {
    return new Re2SyntaxError(code, expression);
  }
}

const countPattern = /\{(0|[1-9][0-9]*)(,(?:0|[1-9][0-9]*)?)?\}/y;
