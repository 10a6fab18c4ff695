/**
 * Replaces `$(NAME)` by its value; `$$` is a dollar sign, and a name without a value stays as written
 * (k8s.io/third_party/forked/golang/expansion).
 */
export function expandVariables(text: string, lookup: (name: string) => string | undefined): string {
  let out = '';
  let at = 0;
  while (at < text.length) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0 || dollar + 1 >= text.length) break;
    out += text.slice(at, dollar);
    const next = text[dollar + 1] as string;
    const end = next === '(' ? text.indexOf(')', dollar + 2) : -1;
    if (end >= 0) {
      const name = text.slice(dollar + 2, end);
      out += lookup(name) ?? `$(${name})`;
      at = end + 1;
    } else {
      // `$$` escapes; any other operator, and an unclosed `$(`, stays as it is.
      out += next === '$' ? '$' : next === '(' ? '$(' : `$${next}`;
      at = dollar + 2;
    }
  }
  return out + text.slice(at);
}
