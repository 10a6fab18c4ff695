const blanks = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+';
const around = new RegExp(`^${blanks}|${blanks}$`, 'g');

/** Go's strings.TrimSpace: by Unicode's White_Space, to which U+0085 belongs and U+FEFF does not. */
export function goTrim(text: string): string {
  return text.replace(around, '');
}
