/**
 * A text without the characters `end` at its end, however many. A pattern would begin anew at each of them wherever a run of
 * them ends otherwise: for seconds, where somebody sends 60,000.
 */
export function withoutEnd(text: string, end: string): string {
  let length = text.length;
  while (text[length - 1] === end) length--;
  return text.slice(0, length);
}
