const [truths, falsehoods] = [
  ['1', 't', 'T', 'true', 'TRUE', 'True'],
  ['0', 'f', 'F', 'false', 'FALSE', 'False'],
] as const;

/** What an annotation says, as Go's strconv.ParseBool reads it; undefined: it is no boolean, or not there. */
export function boolOf(text = ''): boolean | undefined {
  if ((truths as readonly string[]).includes(text)) return true;
  return (falsehoods as readonly string[]).includes(text) ? false : undefined;
}
