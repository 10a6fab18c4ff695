import { ApiError, apiError, parseJsonStrict } from '@berth/kube';
import { bytesOf, mediaTypeOf } from '../body-decoder.ts';
import { unmarshalErrors } from '../decoding/duplicate-problems.ts';
import type { YamlDocument } from '../decoding/yaml-document.ts';
import { readYaml } from '../decoding/yaml-text.ts';
import type { ServerRequest } from '../server-request.ts';
import type { FieldValidation } from '../write-options.ts';

export function isApplyPatch({ contentType }: ServerRequest): boolean {
  return contentType !== undefined && mediaTypeOf(contentType) === 'application/apply-patch+yaml';
}

export interface ReadConfig {
  readonly config: Record<string, unknown>;
  /** What is wrong with the text though it can be read: keys that are there twice. Told of after the apply, as upstream does. */
  readonly repeated: readonly string[];
}

/** The configuration of an apply request, YAML or JSON. @throws ApiError BadRequest */
export async function readConfig(request: ServerRequest): Promise<ReadConfig> {
  if (request.body.type === 'value') return { config: mapOf(request.body.value), repeated: [] };
  const text = Buffer.from(await bytesOf(request.body)).toString();
  const json = asJson(text);
  if (json && !json.repeats) return { config: mapOf(json.value), repeated: [] };
  const { value, repeated } = await yamlOf(text, request.signal);
  return { config: mapOf(value), repeated };
}

/** Most clients send JSON, which is YAML and far quicker to read. */
function asJson(text: string): { readonly value: unknown; readonly repeats: boolean } | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    const { value, duplicateFields } = parseJsonStrict(text);
    return { value, repeats: duplicateFields.length > 0 };
  } catch (error) {
    // As YAML it would be no flatter.
    if ((error as Error).message.endsWith(tooDeep)) throw undecodable(`yaml: ${tooDeep}`);
    return undefined;
  }
}

const tooDeep = 'exceeded max depth';

function undecodable(why: string): ApiError {
  return apiError('BadRequest', `error decoding YAML: error converting YAML to JSON: ${why}`);
}

async function yamlOf(text: string, signal: AbortSignal): Promise<YamlDocument> {
  try {
    return await readYaml(text, signal);
  } catch (error) {
    if (error instanceof ApiError || signal.aborted) throw error;
    throw undecodable((error as Error).message);
  }
}

function mapOf(value: unknown): Record<string, unknown> {
  if (value === null || value === undefined) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  const name = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  const why = `json: cannot unmarshal ${name} into Go value of type map[string]interface {}`;
  throw apiError('BadRequest', `error decoding YAML: error unmarshaling JSON: while decoding JSON: ${why}`);
}

/** @throws ApiError BadRequest – duplicates, where they are not only warned of */
export function reportDuplicates(
  { repeated }: ReadConfig,
  validation: FieldValidation,
  warn: (text: string) => void,
): void {
  if (validation === 'Ignore' || repeated.length === 0) return;
  if (validation === 'Warn') for (const line of repeated) warn(line);
  else
    throw apiError(
      'BadRequest',
      `error strict decoding YAML: error converting YAML to JSON: ${unmarshalErrors(repeated)}`,
    );
}
