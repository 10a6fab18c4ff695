const blank = /[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** Go's strings.TrimSpace: by Unicode's White_Space, to which U+0085 belongs and U+FEFF does not. */
export function goTrim(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && blank.test(text.charAt(start))) start++;
  // No pattern, which would begin anew at each blank of a run that ends otherwise.
  while (end > start && blank.test(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}
