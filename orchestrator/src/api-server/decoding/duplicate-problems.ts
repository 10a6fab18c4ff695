import { forEachField, goQuote } from '@berth/kube';

/** sigs.k8s.io/json counts no more. */
const mostProblems = 100;

/** What a body has twice, by whom it was read. */
export interface Duplicates {
  /** The body, if it is JSON. */
  readonly text?: string;
  /** Paths, as the reader of JSON tells them. */
  readonly duplicates?: readonly string[];
  /** Lines, as the reader of YAML tells them. */
  readonly repeated?: readonly string[];
  /** What was wrong with the patch that made it. */
  readonly found?: readonly string[];
}

/**
 * What is wrong with the fields of a body of a built-in kind: Go's decoder tells it as it comes to it, a field that is there twice at
 * the second time, and does not look into one that it does not know (sigs.k8s.io/json UnmarshalStrict).
 */
export function fieldProblems({ duplicates = [], text = '' }: Duplicates, unknown: readonly string[]): string[] {
  const isWithin = (path: string, field: string) =>
    path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`);
  const repeated = new Set(duplicates.filter((path) => !unknown.some((field) => isWithin(path, field))));
  if (repeated.size === 0) return unknown.map(unknownField);
  if (unknown.length === 0) return [...repeated].map(duplicateField);
  const [problems, notKnown, seen] = [new Set<string>(), new Set(unknown), new Set<string>()];
  forEachField(text, (path) => {
    if (notKnown.has(path)) problems.add(unknownField(path));
    if (!repeated.has(path)) return;
    if (seen.has(path)) problems.add(duplicateField(path));
    seen.add(path);
  });
  return [...problems].slice(0, mostProblems);
}

function unknownField(path: string): string {
  return `unknown field ${goQuote(path)}`;
}

function duplicateField(path: string): string {
  return `duplicate field ${goQuote(path)}`;
}

/** What is wrong with a body that has a field twice: YAML's are one error, yet a warning each. */
export function duplicateProblems({ duplicates = [], repeated = [], found = [] }: Duplicates, each: boolean): string[] {
  const fields = [...found, ...duplicates.map(duplicateField)];
  if (repeated.length === 0) return fields;
  return [...(each ? repeated : [unmarshalErrors(repeated)]), ...fields];
}

/** The words of go.yaml.in/yaml/v2 around what it found. */
export function unmarshalErrors(lines: readonly string[]): string {
  return `yaml: unmarshal errors:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
