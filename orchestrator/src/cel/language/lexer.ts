import type { Issue } from './source.ts';

export type TokenType = 'punctuation' | 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'ident' | 'escaped' | 'end';

export interface Token {
  readonly type: TokenType;
  readonly text: string;
  readonly at: number;
}

const blank = /(?:[\t \r\n\f]+|\/\/[^\n]*)+/y;
const number = /0x[0-9a-fA-F]+[uU]?|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?[uU]?|\.\d+(?:[eE][+-]?\d+)?/y;
const word = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const escaped = /`[a-zA-Z0-9_.\-/ ]+`/y;
const punctuation = /==|!=|<=|>=|&&|\|\||[[\]{}().,\-!?:+*/%<>]/y;
const escaping = String.raw`\\(?:[abfnrtv"'\\?${'`'}]|[0-3][0-7][0-7]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})`;
const raw = [String.raw`"""[^]*?"""`, String.raw`'''[^]*?'''`, String.raw`"[^"\n\r]*"`, String.raw`'[^'\n\r]*'`].join(
  '|',
);
const cooked = [
  String.raw`"""(?:${escaping}|[^\\])*?"""`,
  String.raw`'''(?:${escaping}|[^\\])*?'''`,
  String.raw`"(?:${escaping}|[^\\"\n\r])*"`,
  String.raw`'(?:${escaping}|[^\\'\n\r])*'`,
].join('|');
const string = new RegExp(String.raw`(?:[bB])?(?:[rR](?:${raw})|(?:${cooked}))`, 'y');

/** Cuts an expression into tokens; what is none becomes an issue and is left out. */
export function tokenize(text: string): { readonly tokens: readonly Token[]; readonly issues: readonly Issue[] } {
  const tokens: Token[] = [];
  const issues: Issue[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  while (at < text.length) {
    const space = take(blank);
    if (space !== undefined) {
      at += space.length;
      continue;
    }
    const token = nextToken(take, at);
    if (token) {
      tokens.push(token);
      at += token.text.length;
      continue;
    }
    const bad = badText(text, at);
    issues.push({ at, message: `Syntax error: token recognition error at: '${printable(bad)}'` });
    at += bad.length;
  }
  tokens.push({ type: 'end', text: '<EOF>', at: text.length });
  return { tokens, issues };
}

function nextToken(take: (pattern: RegExp) => string | undefined, at: number): Token | undefined {
  const literal = take(string);
  if (literal !== undefined) return { type: /^[bB]/.test(literal) ? 'bytes' : 'string', text: literal, at };
  const name = take(word);
  if (name !== undefined) return { type: 'ident', text: name, at };
  const digits = take(number);
  if (digits !== undefined) return { type: numberType(digits), text: digits, at };
  const quoted = take(escaped);
  if (quoted !== undefined) return { type: 'escaped', text: quoted, at };
  const mark = take(punctuation);
  return mark === undefined ? undefined : { type: 'punctuation', text: mark, at };
}

function numberType(text: string): TokenType {
  if (/[uU]$/.test(text)) return 'uint';
  return /^0x/.test(text) || /^\d+$/.test(text) ? 'int' : 'double';
}

/** A quote and what may follow it, up to the sign by which it is no literal; of an escape, as much as can begin one. */
const begun = String.raw`\\(?:[xX][0-9a-fA-F]?|[0-3][0-7]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7})?[^]?`;
const unclosed = new RegExp(String.raw`^(?:"(?:${escaping}|[^\\"\n\r])*|'(?:${escaping}|[^\\'\n\r])*)(?:${begun})?`);

/** What the lexer gives up on: a quote with what follows it in its line, an operator cut short, one character. */
function badText(text: string, at: number): string {
  const rest = text.slice(at);
  const open = unclosed.exec(rest)?.[0];
  if (open !== undefined) return open;
  const name = /^`[a-zA-Z0-9_.\-/ ]*[\s\S]?/.exec(rest)?.[0];
  if (name !== undefined) return name;
  const single = /^[&|=]/.test(rest) ? rest.slice(0, 2) : ([...rest.slice(0, 2)][0] as string);
  return single;
}

function printable(text: string): string {
  return text.replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
}
