/**
 * What an OCI runtime complained of, without the form of its log: runc writes `time="…" level=error msg="…"`, whose time
 * would make every try's message another one; crun writes `2030-01-01T00:00:00Z: …` or the words alone.
 */
export function ociComplaint(text: string): string {
  const lines = text.trim().split('\n');
  return lines
    .map((line) => {
      const quoted = /\bmsg=("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
      return quoted === undefined ? line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z: /, '') : unquoted(quoted);
    })
    .join('\n');
}

/** Go's quoting is JSON's, but for bytes that are no UTF-8. */
function unquoted(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    return text.slice(1, -1);
  }
}
