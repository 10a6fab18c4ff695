/** Names that are the language's own. */
export const reserved = new Set(
  'as break const continue else false for function if import in let loop package namespace null return true var void while'.split(
    ' ',
  ),
);
/** What operators are called, by what binds least. */
export const comparisons: Readonly<Record<string, string>> = {
  '<': '_<_',
  '<=': '_<=_',
  '>=': '_>=_',
  '>': '_>_',
  '==': '_==_',
  '!=': '_!=_',
  in: '@in',
};
export const sums: Readonly<Record<string, string>> = { '+': '_+_', '-': '_-_' };
export const products: Readonly<Record<string, string>> = { '*': '_*_', '/': '_/_', '%': '_%_' };
const beginnings = "'[' '{' '(' '.' '-' '!'".split(' ');
const marksInOrder = "'[' ']' '{' '}' '(' ')' '.' ',' '-' '!' '?'".split(' ');
const words = "'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER";

/** What an expression may begin with, or what else may be there, as messages list it. */
export function beginningsOr(marks: readonly string[] = []): string {
  const all = new Set([...beginnings, ...marks.map((mark) => `'${mark}'`)]);
  return `{${marksInOrder.filter((mark) => all.has(mark)).join(', ')}, ${words}}`;
}

/** What a field of a message may begin with. */
export const beginningsOfFields = "{'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}";
