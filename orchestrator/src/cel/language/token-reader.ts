import type { Token } from './lexer.ts';
import type { Issue } from './source.ts';
import { beginningsOr, comparisons, products, sums } from './vocabulary.ts';

/** What may come where an expression ends. */
export interface Frame {
  /** Right behind it. */
  readonly follow: readonly string[];
  /** Behind what it is a part of; an expression that cannot be read is left there, too. */
  readonly beyond?: readonly string[];
  /** It is the middle of an alternative, which has no alternatives of its own. */
  readonly middle?: boolean;
  /** Around it is something that can be followed by a field or an index. */
  readonly selectable?: boolean;
}

type Rule = 'unary' | 'primary' | 'member' | 'entries' | 'expr';

/** What cel-go gives up after. */
const mostRecoveries = 30;
const operators = new Set([comparisons, sums, products].flatMap((each) => Object.keys(each)).concat('&&', '||'));
const marksToBegin = new Set(['[', '{', '(', '.', '-', '!']);
const literals = new Set(['int', 'uint', 'double', 'string', 'bytes']);

/** An expression cannot be read any further. */
export class SyntaxStop extends Error {}

/**
 * Goes through tokens and over mistakes as ANTLR's DefaultErrorStrategy does: one token too many is left out, one that is
 * missing is thought to be there, and else all is skipped up to where something around it goes on. Nothing more is told
 * until a token fits again.
 */
export class TokenReader {
  readonly issues: Issue[] = [];
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #frames: Frame[] = [{ follow: ['<EOF>'] }];
  #next = 0;
  #recovering = false;
  #recoveries = 0;
  #lastError = -1;

  constructor(text: string, tokens: readonly Token[]) {
    this.#text = text;
    this.#tokens = tokens;
  }

  get peek(): Token {
    return this.#tokens[this.#next] as Token;
  }

  ahead(count: number): Token | undefined {
    return this.#tokens[this.#next + count];
  }

  /** What is next fits. */
  advance(count = 1): void {
    this.#next += count;
    this.#recovering = false;
  }

  isMark(text: string, token = this.peek): boolean {
    return token.text === text && (token.type === 'punctuation' || text === 'in' || token.type === 'end');
  }

  take(text: string): Token | undefined {
    const token = this.peek;
    if (!this.isMark(text)) return undefined;
    this.advance();
    return token;
  }

  report(at: number, message: string): void {
    this.issues.push({ at, message });
  }

  within<T>(frame: Frame, read: () => T): T {
    this.#frames.push(frame);
    const result = read();
    this.#frames.pop();
    return result;
  }

  canBegin(token: Token | undefined = this.peek): boolean {
    if (!token) return false;
    if (token.type === 'punctuation') return marksToBegin.has(token.text);
    return literals.has(token.type) || (token.type === 'ident' && token.text !== 'in');
  }

  /** Whether an expression follows, or one of `marks`, be it behind one token too many; else what cannot be read is left behind. */
  begins(marks: readonly string[] = [], rule: Rule = 'unary'): boolean {
    const fits = (token: Token | undefined) =>
      this.canBegin(token) || (token !== undefined && marks.some((mark) => this.isMark(mark, token)));
    if (fits(this.peek)) return true;
    const expected = beginningsOr(marks);
    if (!this.#recovering && fits(this.ahead(1))) {
      this.#syntax(`extraneous input '${this.peek.text}' expecting ${expected}`);
      this.advance();
      return true;
    }
    this.#syntax(`mismatched input '${this.peek.text}' expecting ${expected}`);
    this.recover(rule);
    return false;
  }

  /** The same behind a `!`, where more than one token may be too many. */
  beginsBehindNot(): boolean {
    if (this.canBegin()) return true;
    this.#syntax(`extraneous input '${this.peek.text}' expecting ${beginningsOr()}`);
    const goesOn = this.#goingOn('unary');
    this.#skip((token) => this.canBegin(token) || goesOn(token));
    return this.canBegin();
  }

  /** `text` alone can come here. @returns whether it is there, or is thought to be. */
  close(text: string, rule: Rule, fitsBehind = (token: Token): boolean => this.#canFollow(token)): boolean {
    if (this.take(text)) return true;
    const { text: found } = this.peek;
    const following = this.ahead(1);
    const wanted = text === '<EOF>' ? text : `'${text}'`;
    if (following && this.isMark(text, following)) {
      this.#syntax(`extraneous input '${found}' expecting ${wanted}`);
      this.advance(2);
      return true;
    }
    if (fitsBehind(this.peek)) {
      this.#syntax(`missing ${wanted} at '${found}'`);
      return true;
    }
    this.#syntax(`mismatched input '${found}' expecting ${wanted}`);
    this.recover(rule);
    return false;
  }

  /** An optional comma and then `text`. */
  closeList(text: string): void {
    const fits = (token: Token | undefined) =>
      token !== undefined && (this.isMark(text, token) || this.isMark(',', token));
    if (!this.#recovering && !fits(this.peek)) {
      const extra = fits(this.ahead(1));
      this.#syntax(`${extra ? 'extraneous' : 'mismatched'} input '${this.peek.text}' expecting {'${text}', ','}`);
      if (!extra) return this.recover('primary');
      this.advance();
    }
    this.take(',');
    this.close(text, 'primary');
  }

  /** Nothing begins with the next two tokens. */
  noAlternative(rule: Rule): void {
    const { at: start, text: first } = this.peek;
    const { at, text, type } = this.ahead(1) as Token;
    // Between them is what is no token, too, but not before the end.
    const read = type === 'end' ? first : this.#text.slice(start, at + text.length);
    const shown = JSON.stringify(read).slice(1, -1).replaceAll('\\"', '"');
    this.#syntax(`no viable alternative at input '${shown}'`, at);
    this.recover(rule);
  }

  /** @throws SyntaxStop */
  stop(message: string): never {
    this.#syntax(message);
    throw new SyntaxStop();
  }

  /** Up to where something around what could not be read goes on. @throws SyntaxStop – too often. */
  recover(rule: Rule): void {
    this.#recovering = true;
    if (++this.#recoveries > mostRecoveries) throw new SyntaxStop();
    if (this.#lastError === this.#next && this.peek.type !== 'end') this.#next++;
    this.#lastError = this.#next;
    this.#skip(this.#goingOn(rule));
  }

  #syntax(message: string, at = this.peek.at): void {
    if (!this.#recovering) this.report(at, `Syntax error: ${message}`);
    this.#recovering = true;
  }

  #skip(until: (token: Token) => boolean): void {
    while (this.peek.type !== 'end' && !until(this.peek)) this.#next++;
  }

  /** Behind what is complete. */
  #canFollow(token: Token): boolean {
    const frame = this.#frames.at(-1) as Frame;
    if (this.isMark('.', token) || this.isMark('[', token) || this.#isOperator(token)) return true;
    if (this.isMark('?', token)) return !frame.middle;
    return frame.follow.some((text) => this.isMark(text, token));
  }

  /** What something around a rule goes on with. */
  #goingOn(rule: Rule): (token: Token) => boolean {
    const frames = this.#frames;
    const texts = new Set(frames.flatMap(({ follow, beyond = [] }) => [...follow, ...beyond]));
    if (rule !== 'expr' || frames.length > (frames[1]?.middle ? 2 : 1)) for (const text of operators) texts.add(text);
    if (rule === 'entries') texts.add(',').add('}');
    if (rule === 'primary' || rule === 'entries' || frames.some(({ selectable }) => selectable))
      texts.add('.').add('[');
    if (frames.some(({ middle }, i) => !middle && !frames[i + 1]?.middle)) texts.add('?');
    return ({ type, text }) => (type === 'punctuation' || text === 'in') && texts.has(text);
  }

  #isOperator({ type, text }: Token): boolean {
    return (type === 'punctuation' || text === 'in') && operators.has(text);
  }
}
