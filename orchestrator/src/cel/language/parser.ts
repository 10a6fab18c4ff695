import { type Call, type Expr, type FieldEntry, type MapEntry, partsOf } from './ast.ts';
import { type Token, tokenize } from './lexer.ts';
import { type Macro, MacroError, type MacroHelper, macroHelper } from './macro.ts';
import { nests } from './nests.ts';
import { readLiteral } from './read-literal.ts';
import type { Issue } from './source.ts';
import { SyntaxStop, TokenReader } from './token-reader.ts';
import { beginningsOfFields, comparisons, products, reserved, sums } from './vocabulary.ts';

export type ParseResult =
  | { readonly type: 'parsed'; readonly expr: Expr }
  | { readonly type: 'invalid'; readonly issues: readonly Issue[] };

/** cel-go's limits. */
const maxCodePoints = 100_000;
const maxDepth = 250;

/** Reads an expression and expands its macros, which are keyed `name:arguments:receiver`. */
export function parse(text: string, macros: ReadonlyMap<string, Macro>): ParseResult {
  const length = [...text].length;
  if (length > maxCodePoints)
    return invalid([
      { at: -1, message: `expression code point size exceeds limit: size: ${length}, limit ${maxCodePoints}` },
    ]);
  const { tokens, issues } = tokenize(text);
  const parser = new Parser(text, tokens, macros);
  const result = parser.run();
  const all = [...issues, ...parser.issues];
  return all.length > 0 || !result ? invalid(all) : { type: 'parsed', expr: result };
}

const invalid = (issues: readonly Issue[]): ParseResult => ({ type: 'invalid', issues });

/** Stands for what could not be read. */
const unread: Expr = { kind: 'ident', id: 0, at: 0, name: '' };

class Parser {
  readonly #reader: TokenReader;
  readonly #macros: ReadonlyMap<string, Macro>;
  readonly #helper: MacroHelper;
  #ids = 0;
  #depth = 0;
  readonly #depths = new WeakMap<Expr, number>();

  constructor(text: string, tokens: readonly Token[], macros: ReadonlyMap<string, Macro>) {
    this.#reader = new TokenReader(text, tokens);
    this.#macros = macros;
    this.#helper = macroHelper(() => this.#id());
  }

  get issues(): readonly Issue[] {
    return this.#reader.issues;
  }

  run(): Expr | undefined {
    try {
      const expr = this.#expr();
      this.#reader.close('<EOF>', 'expr', () => false);
      return expr;
    } catch (error) {
      if (error instanceof SyntaxStop) return undefined;
      throw error;
    }
  }

  #id(): number {
    return ++this.#ids;
  }

  #isMark(text: string): boolean {
    return this.#reader.isMark(text);
  }

  #take(text: string): Token | undefined {
    return this.#reader.take(text);
  }

  #report(at: number, message: string): void {
    this.#reader.report(at, message);
  }

  #expr(): Expr {
    if (++this.#depth > maxDepth) {
      this.#report(-1, `expression recursion limit exceeded: ${maxDepth}`);
      throw new SyntaxStop();
    }
    const condition = this.#condition();
    const mark = this.#take('?');
    let result = condition;
    if (mark) {
      const id = this.#id();
      const yes = this.#reader.within({ follow: [':'], middle: true }, () => this.#condition());
      const otherwise = this.#reader.close(':', 'expr', (token) => this.#reader.canBegin(token));
      result = otherwise ? this.#call(id, mark.at, '_?_:_', undefined, [condition, yes, this.#expr()]) : unread;
    }
    this.#depth--;
    return this.#bounded(result);
  }

  #condition(): Expr {
    return this.#logical('||', '_||_', () => this.#logical('&&', '_&&_', () => this.#relation()));
  }

  /** Everything that goes through expressions goes into them: they must not be deep, however they are written. */
  #bounded(expr: Expr): Expr {
    if (this.#depthOf(expr) <= maxDepth) return expr;
    this.#report(-1, 'max recursion depth exceeded');
    throw new SyntaxStop();
  }

  /** What is inside was asked before, so this goes no deeper than a macro makes it. */
  #depthOf(expr: Expr): number {
    let depth = this.#depths.get(expr);
    if (depth === undefined) {
      depth = Math.max(0, ...partsOf(expr).map((part) => this.#depthOf(part))) + (nests(expr) ? 1 : 0);
      this.#depths.set(expr, depth);
    }
    return depth;
  }

  /** `a && b && c`, as cel-go has it: a balanced tree. */
  #logical(mark: string, name: string, part: () => Expr): Expr {
    const terms = [part()];
    const ops: { readonly id: number; readonly at: number }[] = [];
    for (let op = this.#take(mark); op; op = this.#take(mark)) {
      terms.push(part());
      ops.push({ id: this.#id(), at: op.at });
    }
    const balance = (from: number, to: number): Expr => {
      const middle = Math.floor((from + to + 1) / 2);
      const op = ops[middle] as { id: number; at: number };
      const left = middle === from ? (terms[middle] as Expr) : balance(from, middle - 1);
      const right = middle === to ? (terms[middle + 1] as Expr) : balance(middle + 1, to);
      return { kind: 'call', id: op.id, at: op.at, name, target: undefined, args: [left, right] };
    };
    return ops.length === 0 ? (terms[0] as Expr) : balance(0, ops.length - 1);
  }

  #relation(): Expr {
    return this.#binary(comparisons, () => this.#binary(sums, () => this.#binary(products, () => this.#unary())));
  }

  #binary(operators: Readonly<Record<string, string>>, part: () => Expr): Expr {
    let left = part();
    for (;;) {
      const { text, type, at } = this.#reader.peek;
      const name = type === 'punctuation' || text === 'in' ? operators[text] : undefined;
      if (name === undefined || !Object.hasOwn(operators, text)) return left;
      this.#reader.advance();
      const id = this.#id();
      left = this.#bounded(this.#call(id, at, name, undefined, [left, part()]));
    }
  }

  #unary(): Expr {
    const reader = this.#reader;
    if (!reader.begins()) return unread;
    if (this.#isNegativeNumber()) return this.#member();
    const { text: mark, at, type } = reader.peek;
    if (type !== 'punctuation' || (mark !== '!' && mark !== '-')) return this.#member();
    if (mark === '-' && (reader.isMark('!', reader.ahead(1)) || !reader.canBegin(reader.ahead(1)))) {
      reader.noAlternative('unary');
      return unread;
    }
    let count = 0;
    while (this.#take(mark)) count++;
    if (!reader.beginsBehindNot()) {
      reader.recover('unary');
      return unread;
    }
    if (count % 2 === 0) return this.#member();
    const id = this.#id();
    return this.#call(id, at, mark === '!' ? '!_' : '-_', undefined, [this.#member()]);
  }

  #isNegativeNumber(): boolean {
    const following = this.#reader.ahead(1)?.type;
    return this.#isMark('-') && (following === 'int' || following === 'double');
  }

  #member(): Expr {
    let expr = this.#primary();
    for (;;) {
      if (this.#isMark('.') && !this.#isName(this.#reader.ahead(1))) {
        this.#reader.noAlternative('member');
        return unread;
      }
      const dot = this.#take('.');
      if (dot) {
        expr = this.#bounded(this.#select(expr, dot));
        continue;
      }
      const bracket = this.#take('[');
      if (!bracket) return expr;
      const optional = this.#take('?');
      const id = this.#id();
      if (!optional && !this.#reader.begins(['?'], 'member')) return unread;
      const index = this.#reader.within({ follow: [']'] }, () => this.#expr());
      if (!this.#reader.close(']', 'member')) return unread;
      expr = this.#bounded(this.#call(id, bracket.at, optional ? '_[?_]' : '_[_]', undefined, [expr, index]));
    }
  }

  #select(operand: Expr, dot: Token): Expr {
    const optional = this.#take('?');
    const name = this.#reader.peek;
    if (!this.#isName(name)) {
      this.#report(name.at, `Syntax error: mismatched input '${name.text}' expecting {IDENTIFIER, ESC_IDENTIFIER}`);
      this.#report(name.at, 'unsupported ident kind');
      throw new SyntaxStop();
    }
    if (/^(true|false|null)$/.test(name.text))
      this.#reader.stop(`mismatched input '${name.text}' expecting IDENTIFIER`);
    this.#reader.advance();
    const field = this.#fieldName(name);
    if (optional) {
      const id = this.#id();
      const literal: Expr = { kind: 'literal', id: this.#id(), at: name.at, value: field };
      return { kind: 'call', id, at: dot.at, name: '_?._', target: undefined, args: [operand, literal] };
    }
    const open = name.type === 'ident' ? this.#take('(') : undefined;
    if (!open) return { kind: 'select', id: this.#id(), at: dot.at, operand, field, testOnly: false };
    const id = this.#id();
    return this.#call(id, open.at, field, operand, this.#args('member'));
  }

  /** After a dot; or what stands before one that need not be there. */
  #isName(token: Token | undefined): boolean {
    if (token === undefined || token.text === 'in') return false;
    return token.type === 'ident' || token.type === 'escaped' || this.#reader.isMark('?', token);
  }

  /** Kubernetes has the syntax of names that are no identifiers switched off. */
  #fieldName({ type, text, at }: Token): string {
    if (type !== 'escaped') return text;
    this.#report(at, "unsupported syntax: '`'");
    return text.slice(1, -1);
  }

  #args(rule: 'primary' | 'member'): Expr[] {
    const args: Expr[] = [];
    if (!this.#reader.begins([')'], rule)) return [unread];
    if (this.#take(')')) return args;
    this.#reader.within({ follow: [',', ')'], selectable: rule === 'primary' }, () => {
      do args.push(this.#expr());
      while (this.#take(','));
    });
    if (!this.#reader.close(')', rule)) args.push(unread);
    return args;
  }

  #call(id: number, at: number, name: string, target: Expr | undefined, args: Expr[]): Expr {
    const receiver = target !== undefined;
    const macro = this.#macros.get(`${name}:${args.length}:${receiver}`);
    const call: Call = { kind: 'call', id, at, name, target, args };
    if (!macro || args.includes(unread) || target === unread) return call;
    try {
      return macro(this.#helper, { at, target, args }) ?? call;
    } catch (error) {
      if (!(error instanceof MacroError)) throw error;
      this.#report(error.at ?? at, error.message);
      return call;
    }
  }

  #primary(): Expr {
    const token = this.#reader.peek;
    if (this.#take('(')) {
      const expr = this.#reader.within({ follow: [')'], selectable: true }, () => this.#expr());
      return this.#reader.close(')', 'primary') ? expr : unread;
    }
    if (this.#take('[')) return this.#list(token);
    if (this.#take('{')) return this.#map(token);
    if (this.#isNegativeNumber()) {
      this.#reader.advance();
      return this.#literal(this.#reader.peek, '-', token.at);
    }
    if (token.type === 'ident' || this.#isMark('.')) return this.#name();
    return this.#literal(token);
  }

  #literal(token: Token, sign = '', at = token.at): Expr {
    const read = readLiteral(token, sign);
    if (!read) return unread;
    this.#reader.advance();
    if (read.problem !== undefined) this.#report(at, read.problem);
    return { kind: 'literal', id: this.#id(), at, value: read.value };
  }

  #name(): Expr {
    if (this.#isMark('.') && this.#reader.ahead(1)?.type !== 'ident') {
      this.#reader.noAlternative('primary');
      return unread;
    }
    const dot = this.#take('.');
    const token = this.#reader.peek;
    this.#reader.advance();
    const start = dot?.at ?? token.at;
    const constant = { true: true, false: false, null: null }[token.text];
    if (constant !== undefined) return { kind: 'literal', id: this.#id(), at: token.at, value: constant };
    const struct = this.#structName(token.text);
    if (struct !== undefined) return this.#struct((dot ? '.' : '') + struct);
    const isReserved = reserved.has(token.text);
    if (isReserved) this.#report(start, `reserved identifier: ${token.text}`);
    const name = (dot ? '.' : '') + token.text;
    const open = this.#take('(');
    if (!open && isReserved) return { kind: 'literal', id: this.#id(), at: token.at, value: false };
    if (!open) return { kind: 'ident', id: this.#id(), at: token.at, name };
    const id = this.#id();
    return this.#call(id, open.at, name, undefined, this.#args('primary'));
  }

  /** `a.b.C` where a `{` follows; reads up to it. */
  #structName(first: string): string | undefined {
    let ahead = 0;
    let name = first;
    const at = (i: number) => this.#reader.ahead(i) as Token;
    while (at(ahead).text === '.' && at(ahead + 1)?.type === 'ident') {
      name += `.${at(ahead + 1).text}`;
      ahead += 2;
    }
    const { type, text } = at(ahead);
    if (type !== 'punctuation' || text !== '{') return undefined;
    this.#reader.advance(ahead);
    return name;
  }

  #struct(name: string): Expr {
    const reader = this.#reader;
    const open = reader.peek;
    reader.advance();
    const id = this.#id();
    const fields: FieldEntry[] = [];
    const isField = ({ type }: Token) => type === 'ident' || type === 'escaped';
    if (!this.#isMark('}') && !this.#isMark(','))
      do {
        const optional = this.#take('?') !== undefined;
        const token = reader.peek;
        if (!isField(token)) reader.stop(`mismatched input '${token.text}' expecting ${beginningsOfFields}`);
        reader.advance();
        const { at } = reader.peek;
        if (!reader.close(':', 'entries', (next) => reader.canBegin(next))) break;
        const entry = { id: this.#id(), at, optional };
        fields.push({ ...entry, field: this.#fieldName(token), value: this.#entryValue() });
      } while (this.#takeComma((next) => isField(next) || reader.isMark('?', next)));
    reader.closeList('}');
    return { kind: 'struct', id, at: open.at, name, fields };
  }

  #list(open: Token): Expr {
    const reader = this.#reader;
    const id = this.#id();
    const elements: Expr[] = [];
    const optional = new Set<number>();
    if (!reader.begins([']', ',', '?'], 'primary')) return unread;
    if (this.#hasEntries(']'))
      reader.within({ follow: [',', ']'], selectable: true }, () => {
        do {
          if (this.#take('?')) optional.add(elements.length);
          elements.push(this.#expr());
        } while (this.#takeComma((next) => reader.canBegin(next) || reader.isMark('?', next)));
      });
    reader.closeList(']');
    return { kind: 'list', id, at: open.at, elements, optional };
  }

  #map(open: Token): Expr {
    const reader = this.#reader;
    const id = this.#id();
    const entries: MapEntry[] = [];
    const keyFrame = { follow: [':'], beyond: [',', '}'], selectable: true };
    if (!reader.begins(['}', ',', '?'], 'primary')) return unread;
    if (this.#hasEntries('}'))
      do {
        const optional = this.#take('?') !== undefined;
        const key = reader.within(keyFrame, () => this.#expr());
        const { at } = reader.peek;
        if (!reader.close(':', 'entries', (next) => reader.canBegin(next))) break;
        entries.push({ id: this.#id(), at, key, value: this.#entryValue(), optional });
      } while (this.#takeComma((next) => reader.canBegin(next) || reader.isMark('?', next)));
    reader.closeList('}');
    return { kind: 'map', id, at: open.at, entries };
  }

  #entryValue(): Expr {
    return this.#reader.within({ follow: [',', '}'], selectable: true }, () => this.#expr());
  }

  #hasEntries(close: string): boolean {
    return !this.#isMark(close) && !this.#isMark(',');
  }

  /** One with another entry behind it; the last comma may have none. */
  #takeComma(isEntry: (next: Token) => boolean): boolean {
    const next = this.#reader.ahead(1);
    return this.#isMark(',') && next !== undefined && isEntry(next) && this.#take(',') !== undefined;
  }
}
