import { type Call, type Expr, type FieldEntry, type MapEntry, partsOf } from './ast.ts';
import { type Token, tokenize } from './lexer.ts';
import { type Macro, MacroError, type MacroHelper, macroHelper } from './macro.ts';
import { readLiteral } from './read-literal.ts';
import type { Issue } from './source.ts';
import { beginnings, comparisons, products, reserved, sums } from './vocabulary.ts';

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

class SyntaxStop extends Error {}

class Parser {
  readonly issues: Issue[] = [];
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #macros: ReadonlyMap<string, Macro>;
  readonly #helper: MacroHelper;
  #next = 0;
  #ids = 0;
  #depth = 0;
  readonly #depths = new WeakMap<Expr, number>();

  constructor(text: string, tokens: readonly Token[], macros: ReadonlyMap<string, Macro>) {
    this.#text = text;
    this.#tokens = tokens;
    this.#macros = macros;
    this.#helper = macroHelper(() => this.#id());
  }

  run(): Expr | undefined {
    try {
      const expr = this.#expr();
      if (this.#peek.type !== 'end') throw this.#syntax(`extraneous input '${this.#peek.text}' expecting <EOF>`);
      return expr;
    } catch (error) {
      if (error instanceof SyntaxStop) return undefined;
      throw error;
    }
  }

  #id(): number {
    return ++this.#ids;
  }

  get #peek(): Token {
    return this.#tokens[this.#next] as Token;
  }

  #isMark(text: string): boolean {
    const { type, text: have } = this.#peek;
    return have === text && (type === 'punctuation' || text === 'in');
  }

  #take(text: string): Token | undefined {
    if (!this.#isMark(text)) return undefined;
    return this.#tokens[this.#next++];
  }

  #expect(text: string, expected: string): Token {
    return this.#take(text) ?? this.#fail(expected);
  }

  /** One mark alone could follow: it is missing, or something else is in its way. */
  #close(text: string): void {
    if (this.#take(text)) return;
    const next = this.#tokens[this.#next + 1];
    if (next?.text === text) throw this.#syntax(`extraneous input '${this.#peek.text}' expecting '${text}'`);
    throw this.#syntax(`missing '${text}' at '${this.#peek.text}'`);
  }

  #fail(expected: string): never {
    throw this.#syntax(`mismatched input '${this.#peek.text}' expecting ${expected}`);
  }

  #syntax(message: string): SyntaxStop {
    this.issues.push({ at: this.#peek.at, message: `Syntax error: ${message}` });
    return new SyntaxStop();
  }

  #report(at: number, message: string): void {
    this.issues.push({ at, message });
  }

  #expr(): Expr {
    if (++this.#depth > maxDepth) {
      this.#report(-1, `expression recursion limit exceeded: ${maxDepth}`);
      throw new SyntaxStop();
    }
    const condition = this.#logical('||', '_||_', () => this.#logical('&&', '_&&_', () => this.#relation()));
    const mark = this.#take('?');
    let result = condition;
    if (mark) {
      const id = this.#id();
      const yes = this.#logical('||', '_||_', () => this.#logical('&&', '_&&_', () => this.#relation()));
      this.#expect(':', "':'");
      result = this.#call(id, mark.at, '_?_:_', undefined, [condition, yes, this.#expr()]);
    }
    this.#depth--;
    return this.#bounded(result);
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
      const { text, type, at } = this.#peek;
      const name = type === 'punctuation' || text === 'in' ? operators[text] : undefined;
      if (name === undefined || !Object.hasOwn(operators, text)) return left;
      this.#next++;
      const id = this.#id();
      left = this.#bounded(this.#call(id, at, name, undefined, [left, part()]));
    }
  }

  #unary(): Expr {
    for (const [mark, name] of [
      ['!', '!_'],
      ['-', '-_'],
    ] as const) {
      const first = this.#peek;
      let count = 0;
      if (mark === '-' && this.#isNegativeNumber()) return this.#member();
      while (this.#take(mark)) count++;
      if (count === 0) continue;
      if (count % 2 === 0) return this.#member();
      const id = this.#id();
      return this.#call(id, first.at, name, undefined, [this.#member()]);
    }
    return this.#member();
  }

  #isNegativeNumber(): boolean {
    const following = this.#tokens[this.#next + 1]?.type;
    return this.#isMark('-') && (following === 'int' || following === 'double');
  }

  #member(): Expr {
    let expr = this.#primary();
    for (;;) {
      const dot = this.#take('.');
      if (dot) {
        expr = this.#bounded(this.#select(expr, dot));
        continue;
      }
      const bracket = this.#take('[');
      if (!bracket) return expr;
      const optional = this.#take('?');
      const id = this.#id();
      const index = this.#expr();
      this.#close(']');
      expr = this.#bounded(this.#call(id, bracket.at, optional ? '_[?_]' : '_[_]', undefined, [expr, index]));
    }
  }

  #select(operand: Expr, dot: Token): Expr {
    const optional = this.#take('?');
    const name = this.#peek;
    if (name.type !== 'ident' && name.type !== 'escaped') this.#noName(dot, optional !== undefined);
    if (/^(true|false|null|in)$/.test(name.text))
      throw this.#syntax(`mismatched input '${name.text}' expecting IDENTIFIER`);
    this.#next++;
    const field = this.#fieldName(name);
    if (optional) {
      const id = this.#id();
      const literal: Expr = { kind: 'literal', id: this.#id(), at: name.at, value: field };
      return { kind: 'call', id, at: dot.at, name: '_?._', target: undefined, args: [operand, literal] };
    }
    const open = name.type === 'ident' ? this.#take('(') : undefined;
    if (!open) return { kind: 'select', id: this.#id(), at: dot.at, operand, field, testOnly: false };
    const id = this.#id();
    return this.#call(id, open.at, field, operand, this.#args(')'));
  }

  /** After a dot there is none. */
  #noName(dot: Token, optional: boolean): never {
    const { at, text, type } = this.#peek;
    if (optional) {
      const stop = this.#syntax(`mismatched input '${text}' expecting {IDENTIFIER, ESC_IDENTIFIER}`);
      this.#report(at, 'unsupported ident kind');
      throw stop;
    }
    const read = this.#text.slice(dot.at, type === 'end' ? undefined : at + text.length);
    throw this.#syntax(`no viable alternative at input '${JSON.stringify(read).slice(1, -1).replaceAll('\\"', '"')}'`);
  }

  /** Kubernetes has the syntax of names that are no identifiers switched off. */
  #fieldName({ type, text, at }: Token): string {
    if (type !== 'escaped') return text;
    this.#report(at, "unsupported syntax: '`'");
    return text.slice(1, -1);
  }

  #args(close: string): Expr[] {
    const args: Expr[] = [];
    if (this.#take(close)) return args;
    do args.push(this.#expr());
    while (this.#take(','));
    this.#expect(close, `{',', '${close}'}`);
    return args;
  }

  #call(id: number, at: number, name: string, target: Expr | undefined, args: Expr[]): Expr {
    const receiver = target !== undefined;
    const macro = this.#macros.get(`${name}:${args.length}:${receiver}`);
    const call: Call = { kind: 'call', id, at, name, target, args };
    if (!macro) return call;
    try {
      return macro(this.#helper, { at, target, args }) ?? call;
    } catch (error) {
      if (!(error instanceof MacroError)) throw error;
      this.#report(error.at ?? at, error.message);
      return call;
    }
  }

  #primary(): Expr {
    const token = this.#peek;
    if (this.#take('(')) {
      const expr = this.#expr();
      this.#close(')');
      return expr;
    }
    if (this.#take('[')) return this.#list(token);
    if (this.#take('{')) return this.#map(token);
    if (this.#isNegativeNumber()) {
      this.#next++;
      return this.#literal(this.#peek, '-', token.at);
    }
    if (token.type === 'ident' || this.#isMark('.')) return this.#name();
    return this.#literal(token);
  }

  #literal(token: Token, sign = '', at = token.at): Expr {
    const read = readLiteral(token, sign);
    if (!read) return this.#fail(beginnings);
    this.#next++;
    if (read.problem !== undefined) this.#report(at, read.problem);
    return { kind: 'literal', id: this.#id(), at, value: read.value };
  }

  #name(): Expr {
    const dot = this.#take('.');
    const token = this.#peek;
    if (token.type !== 'ident') dot ? this.#noName(dot, false) : this.#fail('IDENTIFIER');
    this.#next++;
    const start = dot?.at ?? token.at;
    const constant = { true: true, false: false, null: null }[token.text];
    if (constant !== undefined) return { kind: 'literal', id: this.#id(), at: token.at, value: constant };
    const struct = this.#structName(token.text);
    if (struct !== undefined) return this.#struct((dot ? '.' : '') + struct);
    if (reserved.has(token.text)) {
      this.#report(start, `reserved identifier: ${token.text}`);
      return { kind: 'ident', id: this.#id(), at: start, name: token.text };
    }
    const name = (dot ? '.' : '') + token.text;
    const open = this.#take('(');
    if (!open) return { kind: 'ident', id: this.#id(), at: token.at, name };
    const id = this.#id();
    return this.#call(id, open.at, name, undefined, this.#args(')'));
  }

  /** `a.b.C` where a `{` follows; reads up to it. */
  #structName(first: string): string | undefined {
    let ahead = this.#next;
    let name = first;
    const at = (i: number) => this.#tokens[i] as Token;
    while (at(ahead).text === '.' && at(ahead + 1)?.type === 'ident') {
      name += `.${at(ahead + 1).text}`;
      ahead += 2;
    }
    const { type, text } = at(ahead);
    if (type !== 'punctuation' || text !== '{') return undefined;
    this.#next = ahead;
    return name;
  }

  #struct(name: string): Expr {
    const open = this.#expect('{', "'{'");
    const id = this.#id();
    const fields: FieldEntry[] = [];
    while (!this.#isMark('}')) {
      const optional = this.#take('?') !== undefined;
      const token = this.#peek;
      if (token.type !== 'ident' && token.type !== 'escaped') this.#fail("{'?', '}', ',', IDENTIFIER, ESC_IDENTIFIER}");
      this.#next++;
      const colon = this.#expect(':', "':'");
      const entry = { id: this.#id(), at: colon.at, optional };
      fields.push({ ...entry, field: this.#fieldName(token), value: this.#expr() });
      if (!this.#take(',')) break;
    }
    this.#expect('}', "{'}', ','}");
    return { kind: 'struct', id, at: open.at, name, fields };
  }

  #list(open: Token): Expr {
    const id = this.#id();
    const elements: Expr[] = [];
    const optional = new Set<number>();
    while (!this.#isMark(']')) {
      if (this.#take('?')) optional.add(elements.length);
      elements.push(this.#expr());
      if (!this.#take(',')) break;
    }
    this.#expect(']', "{']', ','}");
    return { kind: 'list', id, at: open.at, elements, optional };
  }

  #map(open: Token): Expr {
    const id = this.#id();
    const entries: MapEntry[] = [];
    while (!this.#isMark('}')) {
      const optional = this.#take('?') !== undefined;
      const key = this.#expr();
      const colon = this.#expect(':', "':'");
      entries.push({ id: this.#id(), at: colon.at, key, value: this.#expr(), optional });
      if (!this.#take(',')) break;
    }
    this.#expect('}', "{'}', ','}");
    return { kind: 'map', id, at: open.at, entries };
  }
}

/** What cel-go counts: operators between two, fields, calls on something, indexes, alternatives. */
function nests(expr: Expr): boolean {
  if (expr.kind === 'select') return true;
  return (
    expr.kind === 'call' && (expr.target !== undefined || (expr.args.length > 1 && !/^_(&&|\|\|)_$/.test(expr.name)))
  );
}
