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
/** What an expression may begin with, as messages list it. */
export const beginnings =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
