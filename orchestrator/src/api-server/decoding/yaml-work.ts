import { integerOf, mayHaveLargeInteger, numberOf } from '@berth/kit';
import { type Document, isScalar, LineCounter, parseDocument, visit, type YAMLMap } from 'yaml';
import { yamlOf } from './yaml-of.ts';

/** What a client wrote is told to the client, not to the server's log. */
const quiet = { logLevel: 'error', intAsBigInt: true } as const;

/** YAML as kubectl's users write it: anchors within reason, merge keys. @throws Error */
export function yamlValue(text: string): unknown {
  const document = parseDocument(text, { uniqueKeys: false, merge: true, ...quiet });
  if (document.errors.length === 0 && !hasRepeats(document)) return readValue(document);
  return readValue(parseDocument(text, { merge: true, ...quiet }));
}

/** With integers as JSON's are. @throws Error */
function readValue(document: Document.Parsed): unknown {
  const [error] = document.errors;
  if (error) throw error;
  visit(document, {
    Scalar: (_, scalar) => {
      if (typeof scalar.value !== 'bigint') return;
      const value = integerOf(scalar.value);
      // Beyond every float it is a text, as Go's reader has it.
      scalar.value = Number.isFinite(Number(value)) ? value : scalar.source;
    },
  });
  return document.toJS({ maxAliasCount: 100 }) as unknown;
}

/** Whether a map has a key twice. The library looks at each pair of keys for it, which of many takes for ever. */
function hasRepeats(document: Document.Parsed): boolean {
  let found = false;
  visit(document, {
    Map: (_, map) => {
      found ||= repeatsKeys(map);
      return found ? visit.BREAK : undefined;
    },
  });
  return found;
}

function repeatsKeys({ items }: YAMLMap): boolean {
  const known = new Set<unknown>();
  for (const { key } of items) {
    if (!isScalar(key)) continue;
    if (known.has(key.value)) return true;
    known.add(key.value);
  }
  return false;
}

/** The same where a key may be there twice: the last one counts. @throws Error */
export function lenientYaml(text: string): unknown {
  return readValue(parseDocument(text, { uniqueKeys: false, merge: true, ...quiet }));
}

/** The keys that are there twice, in the words of Go's reader. */
export function repeatedKeys(text: string): string | undefined {
  const lineCounter = new LineCounter();
  if (!hasRepeats(parseDocument(text, { uniqueKeys: false, merge: true, ...quiet }))) return undefined;
  const { errors } = parseDocument(text, { lineCounter, merge: true, ...quiet });
  const found = errors.filter(({ code }) => code === 'DUPLICATE_KEY');
  if (found.length === 0) return undefined;
  const lines = found.map(({ pos: [start, end] }) => {
    const key = text.slice(start, end).replace(/^(['"])(.*)\1$/, '$2');
    return `  line ${lineCounter.linePos(start).line}: key ${JSON.stringify(key)} already set in map`;
  });
  return `error converting YAML to JSON: yaml: unmarshal errors:\n${lines.join('\n')}`;
}

/** What the worker of long texts is asked: to read one, or to write one. */
export type YamlWork =
  | {
      readonly text: string;
      /** A key may be there twice; the answer says which are. */
      readonly lenient: boolean;
    }
  | { readonly json: string };

/** The value as JSON, the text, or what is wrong with it. */
export type YamlReply =
  | { readonly json: string; readonly repeated: string | undefined }
  | { readonly text: string }
  | { readonly error: string };

export function doYamlWork(work: YamlWork): YamlReply {
  try {
    if ('json' in work) return { text: yamlOf(jsonValue(work.json)) };
    const { text, lenient } = work;
    const value = lenient ? lenientYaml(text) : yamlValue(text);
    return { json: JSON.stringify(value ?? null), repeated: lenient ? repeatedKeys(text) : undefined };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** Integers exactly, without the server's own reader: a thread begins with what it loads. */
function jsonValue(text: string): unknown {
  return mayHaveLargeInteger(text) ? JSON.parse(text, exactly as Reviver) : JSON.parse(text);
}

type Reviver = (key: string, value: unknown) => unknown;

function exactly(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  return typeof value === 'number' && source !== undefined ? numberOf(source) : value;
}
