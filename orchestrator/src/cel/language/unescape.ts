const simple: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 92,
  "'": 39,
  '"': 34,
  '`': 96,
  '?': 63,
};

/** What a string literal, with its quotes, stands for; undefined where an escape is no character. */
export function unescapeString(literal: string): string | undefined {
  const { body, raw } = bodyOf(literal);
  if (raw) return body;
  let valid = true;
  const text = body.replace(escapes, (match) => {
    const code = codeOf(match);
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) valid = false;
    return valid ? String.fromCodePoint(code) : '';
  });
  return valid ? text : undefined;
}

/** The same of a bytes literal, without its `b`: escapes are bytes, other characters UTF-8. */
export function unescapeBytes(literal: string): Uint8Array | undefined {
  const { body, raw } = bodyOf(literal);
  if (raw) return Buffer.from(body);
  const parts: Uint8Array[] = [];
  let done = 0;
  for (const match of body.matchAll(escapes)) {
    // Only strings have characters by number.
    if (/^\\[uU]/.test(match[0])) return undefined;
    parts.push(Buffer.from(body.slice(done, match.index)), Uint8Array.of(codeOf(match[0])));
    done = match.index + match[0].length;
  }
  parts.push(Buffer.from(body.slice(done)));
  return Buffer.concat(parts);
}

const escapes = /\\(?:[0-3][0-7]{2}|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)/gs;

function codeOf(sequence: string): number {
  const kind = sequence[1] as string;
  const known = simple[kind];
  if (known !== undefined) return known;
  return /[0-3]/.test(kind) ? Number.parseInt(sequence.slice(1), 8) : Number.parseInt(sequence.slice(2), 16);
}

function bodyOf(literal: string): { readonly body: string; readonly raw: boolean } {
  const raw = /^[rR]/.test(literal);
  const quoted = raw ? literal.slice(1) : literal;
  const width = /^("""|''')/.test(quoted) ? 3 : 1;
  const body = quoted.slice(width, -width);
  return { body: body.replaceAll('\r\n', '\n').replaceAll('\r', '\n'), raw };
}
