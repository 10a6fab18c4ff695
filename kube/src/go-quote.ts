/** Signs that Go has a short escape for, with it. */
export const goEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** A text as Go's strconv.Quote writes it: what is no letter, mark, number, sign or ASCII blank is escaped. */
export function goQuote(text: string): string {
  // JSON's escapes of these are Go's, and written many times as fast: half a megabyte of quotes is a value, too.
  if (!/[^ -~\b\t\n\f\r]/.test(text)) return JSON.stringify(text);
  return `"${text.replace(/["\\]|[^\P{C}]|[^\P{Z} ]/gu, escaped)}"`;
}

function escaped(sign: string): string {
  const known = goEscapes[sign];
  if (known !== undefined) return known;
  const code = sign.codePointAt(0) as number;
  const hex = code.toString(16);
  if (code < 0x80) return `\\x${hex.padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
