import { ApiError, apiError, unmarshalProblem } from '@berth/kube';
import { bytesOf } from '../body-decoder.ts';
import { unmarshalErrors } from '../decoding/duplicate-problems.ts';
import { yamlTextOf } from '../decoding/yaml-bytes.ts';
import type { YamlDocument } from '../decoding/yaml-document.ts';
import { readYaml } from '../decoding/yaml-text.ts';
import { applyMedia, patchMediaOf } from '../patch-body.ts';
import type { ServerRequest } from '../server-request.ts';
import type { FieldValidation } from '../write-options.ts';

export function isApplyPatch({ contentType }: ServerRequest): boolean {
  return patchMediaOf(contentType) === applyMedia;
}

export interface ReadConfig {
  readonly config: Record<string, unknown>;
  /** What is wrong with the text though it can be read: keys that are there twice. Told of after the apply, as upstream does. */
  readonly repeated: readonly string[];
}

/** The configuration of an apply request, YAML or JSON. @throws ApiError BadRequest */
export async function readConfig(request: ServerRequest): Promise<ReadConfig> {
  const { value, repeated } =
    request.body.type === 'value'
      ? { value: request.body.value, repeated: [] }
      : await yamlOf(Buffer.from(await bytesOf(request.body)), request.signal);
  const config = mapOf(value);
  request.audit?.requestObject(config);
  return { config, repeated };
}

function undecodable(why: string): ApiError {
  return apiError('BadRequest', `error decoding YAML: error converting YAML to JSON: ${why}`);
}

async function yamlOf(bytes: Buffer, signal: AbortSignal): Promise<YamlDocument> {
  try {
    return await readYaml(yamlTextOf(bytes), signal);
  } catch (error) {
    if (error instanceof ApiError || signal.aborted) throw error;
    throw undecodable((error as Error).message);
  }
}

function mapOf(value: unknown): Record<string, unknown> {
  if (value === null || value === undefined) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  const why = unmarshalProblem(value, 'value of type map[string]interface {}');
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
