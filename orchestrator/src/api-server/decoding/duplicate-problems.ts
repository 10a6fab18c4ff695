/** What a body has twice, by whom it was read. */
export interface Duplicates {
  /** Paths, as the reader of JSON tells them. */
  readonly duplicates?: readonly string[];
  /** Lines, as the reader of YAML tells them. */
  readonly repeated?: readonly string[];
}

/** What is wrong with a body that has a field twice: YAML's are one error, yet a warning each. */
export function duplicateProblems({ duplicates = [], repeated = [] }: Duplicates, each: boolean): string[] {
  const fields = duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`);
  if (repeated.length === 0) return fields;
  return [...(each ? repeated : [unmarshalErrors(repeated)]), ...fields];
}

/** The words of go.yaml.in/yaml/v2 around what it found. */
export function unmarshalErrors(lines: readonly string[]): string {
  return `yaml: unmarshal errors:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
