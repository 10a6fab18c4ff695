import { apiError, parseJsonStrict } from '@berth/kube';
import { LineCounter, parseDocument } from 'yaml';
import { bytesOf, mediaTypeOf } from '../body-decoder.ts';
import type { ServerRequest } from '../server-request.ts';
import type { FieldValidation } from '../write-options.ts';

export function isApplyPatch({ contentType }: ServerRequest): boolean {
  return contentType !== undefined && mediaTypeOf(contentType) === 'application/apply-patch+yaml';
}

export interface ReadConfig {
  readonly config: Record<string, unknown>;
  /** What is wrong with the text though it can be read: keys that are there twice. Asked for after the apply, as upstream does. */
  readonly duplicates: () => string | undefined;
}

/** The configuration of an apply request, YAML or JSON. @throws ApiError BadRequest */
export async function readConfig(request: ServerRequest): Promise<ReadConfig> {
  if (request.body.type === 'value') return { config: mapOf(request.body.value), duplicates: () => undefined };
  const text = Buffer.from(await bytesOf(request.body)).toString();
  const json = asJson(text);
  if (json) return { config: mapOf(json.value), duplicates: () => (json.repeats ? duplicatesIn(text) : undefined) };
  return { config: mapOf(yamlOf(text)), duplicates: () => duplicatesIn(text) };
}

/** Most clients send JSON, which is YAML and far quicker to read. */
function asJson(text: string): { readonly value: unknown; readonly repeats: boolean } | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    const { value, duplicateFields } = parseJsonStrict(text);
    return { value, repeats: duplicateFields.length > 0 };
  } catch {
    return undefined;
  }
}

function yamlOf(text: string): unknown {
  try {
    const document = parseDocument(text, { uniqueKeys: false, merge: true });
    const [error] = document.errors;
    if (error) throw error;
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (error) {
    const [why] = (error as Error).message.split('\n');
    throw apiError('BadRequest', `error decoding patch: error converting YAML to JSON: yaml: ${why}`);
  }
}

function mapOf(value: unknown): Record<string, unknown> {
  if (value === null || value === undefined) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  const name = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  const why = `json: cannot unmarshal ${name} into Go value of type map[string]interface {}`;
  throw apiError('BadRequest', `error decoding patch: error unmarshaling JSON: while decoding JSON: ${why}`);
}

function duplicatesIn(text: string): string | undefined {
  const lineCounter = new LineCounter();
  const { errors } = parseDocument(text, { lineCounter, merge: true });
  const found = errors.filter(({ code }) => code === 'DUPLICATE_KEY');
  if (found.length === 0) return undefined;
  const lines = found.map(({ pos: [start, end] }) => {
    const key = text.slice(start, end).replace(/^(['"])(.*)\1$/, '$2');
    return `  line ${lineCounter.linePos(start).line}: key ${JSON.stringify(key)} already set in map`;
  });
  return `error converting YAML to JSON: yaml: unmarshal errors:\n${lines.join('\n')}`;
}

/** @throws ApiError BadRequest – duplicates, where they are not only warned of */
export function reportDuplicates(
  { duplicates }: ReadConfig,
  validation: FieldValidation,
  warn: (text: string) => void,
): void {
  if (validation === 'Ignore') return;
  const found = duplicates();
  if (found === undefined) return;
  if (validation === 'Strict') throw apiError('BadRequest', `error strict decoding patch: ${found}`);
  warn(found);
}
