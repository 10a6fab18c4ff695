/** Upstream's: more than this all together, and each is cut. */
const mostCharacters = 4096;
const mostOfEach = 256;

/**
 * Texts as `Warning` headers carry them, within what clients read of headers (apiserver filters/warning.go); one with
 * control characters is left out. Each character is a byte of the text's UTF-8, as headers are written.
 */
export function warningHeaders(texts: Iterable<string>): string[] {
  const all = [...texts].filter((text) => text !== '' && !/\p{Cc}/u.test(text)).map((text) => [...text]);
  const total = all.reduce((sum, { length }) => sum + length, 0);
  const headers: string[] = [];
  let written = 0;
  for (const characters of all) {
    if (total > mostCharacters && written >= mostCharacters) break;
    const kept = total > mostCharacters ? characters.slice(0, mostOfEach) : characters;
    written += kept.length;
    headers.push(`299 - ${quoted(kept.join(''))}`);
  }
  return headers;
}

function quoted(text: string): string {
  return Buffer.from(`"${text.replace(/[\\"]/g, '\\$&')}"`).toString('latin1');
}
