const word = "[\\w!#$%&'*+.^`|~-]+";
/** A backslash stands for itself unless something that has a meaning follows (Go's mime consumeValue). */
const quotable = String.raw`"()<>@,;:\\/[\]?=`;
const quotedText = String.raw`"((?:\\[${quotable}]|\\(?![${quotable}])|[^"\\\r\n])*)"`;
const parameter = new RegExp(String.raw`\s*;\s*(${word})\s*=\s*(?:(${word})|${quotedText})`, 'y');

/** Whether Go's mime.ParseMediaType reads what is behind a media type; a content type that it does not read is none. */
export function hasReadableParameters(contentType: string): boolean {
  const values = new Map<string, string>();
  let at = contentType.indexOf(';');
  if (at < 0) return true;
  while (true) {
    parameter.lastIndex = at;
    const [found, name = '', plain, quoted = ''] = parameter.exec(contentType) ?? [];
    if (found === undefined) return /^\s*;?\s*$/.test(contentType.slice(at));
    const value = plain ?? quoted.replace(new RegExp(String.raw`\\([${quotable}])`, 'g'), '$1');
    if ((values.get(name.toLowerCase()) ?? value) !== value) return false;
    values.set(name.toLowerCase(), value);
    at += found.length;
  }
}
