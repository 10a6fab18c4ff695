/** What the kernel takes at most: of one text (MAX_ARG_STRLEN, execve(2)), and of arguments and environment together (three quarters of _STK_LIM). */
const maxTextBytes = 128 * 1024;
const maxBytes = 6 * 1024 * 1024;

/**
 * Replaces `$(NAME)` by its value; `$$` is a dollar sign, and a name without a value stays as written
 * (k8s.io/third_party/forked/golang/expansion). Variables that name others twice double with each.
 * @throws Error – it becomes longer than any program can be given.
 */
export function expandVariables(text: string, lookup: (name: string) => string | undefined): string {
  let out = '';
  let at = 0;
  let closes = true;
  while (at < text.length) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0 || dollar + 1 >= text.length) break;
    out += text.slice(at, dollar);
    const next = text[dollar + 1] as string;
    const end = next === '(' && closes ? text.indexOf(')', dollar + 2) : -1;
    if (end >= 0) {
      const name = text.slice(dollar + 2, end);
      out += lookup(name) ?? `$(${name})`;
      at = end + 1;
      if (out.length > maxTextBytes) throw tooLong();
    } else {
      // Where none is closed behind one place, none is behind the next.
      if (next === '(') closes = false;
      // `$$` escapes; any other operator, and an unclosed `$(`, stays as it is.
      out += next === '$' ? '$' : next === '(' ? '$(' : `$${next}`;
      at = dollar + 2;
    }
  }
  return out + text.slice(at);
}

/** The same of each part of a command, beside so many bytes. @throws Error – it, or all, becomes longer than any program can be given. */
export function expandCommand(
  parts: readonly string[],
  lookup: (name: string) => string | undefined,
  besides = 0,
): string[] {
  let left = maxBytes - besides;
  const expanded = parts.map((part) => {
    const text = left < 0 ? '' : expandVariables(part, lookup);
    left -= text.length;
    return text;
  });
  if (left < 0) throw tooLong();
  return expanded;
}

/** In runc's words. */
function tooLong(): Error {
  return new Error('argument list too long');
}
