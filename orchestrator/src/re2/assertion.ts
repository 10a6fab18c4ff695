import type { Assertion } from './parse-re2.ts';

/** Where the text has not begun or is over. */
export const outside = -1;
const newline = 0x0a;

/** Whether an assertion holds between two characters. */
export function holds(assertion: Assertion, before: number, after: number): boolean {
  switch (assertion) {
    case 'textStart':
      return before === outside;
    case 'textEnd':
      return after === outside;
    case 'lineStart':
      return before === outside || before === newline;
    case 'lineEnd':
      return after === outside || after === newline;
    case 'wordBoundary':
      return isWord(before) !== isWord(after);
    case 'noWordBoundary':
      return isWord(before) === isWord(after);
  }
}

function isWord(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39) || code === 0x5f
  );
}
