import { mayHaveLargeInteger, numberOf } from '@berth/kit';
import { readDocument } from './yaml-document.ts';
import { yamlOf } from './yaml-of.ts';

/** A file of configuration: no key is in it twice. @throws Error */
export function yamlValue(text: string): unknown {
  const { value, repeated } = readDocument(text);
  if (repeated.length > 0) throw new Error(`yaml: ${repeated[0]}`);
  return value;
}

/** What the worker of long texts is asked: to read one, or to write one. */
export type YamlWork = { readonly text: string } | { readonly json: string };

/** The value as JSON, the text, or what is wrong with it. */
export type YamlReply =
  | { readonly json: string; readonly repeated: readonly string[] }
  | { readonly text: string }
  | { readonly error: string };

export function doYamlWork(work: YamlWork): YamlReply {
  try {
    if ('json' in work) return { text: yamlOf(jsonValue(work.json)) };
    const { value, repeated } = readDocument(work.text);
    return { json: JSON.stringify(value ?? null), repeated };
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
