/** Upstream's: more than this all together, and each is cut. */
const mostCharacters = 4096;
const mostOfEach = 256;

/**
 * Texts as `Warning` headers carry them, within what clients read of headers (apiserver filters/warning.go); one with
 * control characters is left out. Each character is a byte of the text's UTF-8, as headers are written.
 */
export function warningHeaders(texts: Iterable<string>): string[] {
  const told: string[][] = [];
  let [total, cut] = [0, 0];
  for (const text of texts) {
    if (text === '' || /\p{Cc}/u.test(text)) continue;
    // No more of it counts: a character takes two at most.
    const characters = [...text.slice(0, 2 * mostCharacters + 2)];
    told.push(characters);
    total += characters.length;
    cut += Math.min(characters.length, mostOfEach);
    if (total > mostCharacters && cut >= mostCharacters) break;
  }
  const most = total > mostCharacters ? mostOfEach : mostCharacters;
  return told.map((characters) => `299 - ${quoted(characters.slice(0, most).join(''))}`);
}

function quoted(text: string): string {
  return Buffer.from(`"${text.replace(/[\\"]/g, '\\$&')}"`).toString('latin1');
}
