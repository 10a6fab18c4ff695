/** One thing wrong with an expression, and where: an offset into its text, -1 for nowhere. */
export interface Issue {
  readonly at: number;
  readonly message: string;
}

/** More are only counted. */
const maxReported = 100;

/** All issues as cel-go displays them: place, message, the line and a caret below it. */
export function displayIssues(text: string, issues: readonly Issue[]): string {
  const lines = text.split('\n');
  const placed = issues.slice(0, maxReported).map(({ at, message }) => ({ ...placeOf(text, at), message }));
  placed.sort((a, b) => a.line - b.line || a.column - b.column);
  const shown = placed.map(({ line, column, message }) => {
    const head = `ERROR: <input>:${line}:${column + 1}: ${message}`;
    const code = text === '' ? undefined : lines[line - 1];
    return code === undefined ? head : `${head}\n | ${code.replaceAll('\t', ' ')}\n | ${pointer(code, column)}`;
  });
  if (issues.length > maxReported) shown.push(`${issues.length - maxReported} more errors were truncated`);
  return shown.join('\n');
}

function placeOf(text: string, at: number): { readonly line: number; readonly column: number } {
  if (at < 0) return { line: -1, column: -1 };
  // Nothing has no first character, and no line to show.
  if (text === '') return { line: 1, column: -1 };
  const before = text.slice(0, at);
  const start = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: [...before.slice(start)].length };
}

/** Dots below what stands before, a caret below the place; both wide below what is no ASCII. */
function pointer(code: string, column: number): string {
  const characters = [...code];
  let line = '';
  for (const character of characters.slice(0, column)) line += isWide(character) ? '．' : '.';
  const there = characters[column];
  return line + (there !== undefined && isWide(there) ? '＾' : '^');
}

function isWide(character: string): boolean {
  return (character.codePointAt(0) as number) >= 0x80;
}
