import { ApiError, apiError, goUtf8, goValueName, isReason, isRecord, parseJson, parseJsonStrict } from '@berth/kube';
import { bytesOf, mediaTypeOf } from './body-decoder.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import type { ServerRequest } from './server-request.ts';

export type ParsedPatch =
  | { readonly type: 'merge' | 'strategic'; readonly patch: Record<string, unknown> }
  | { readonly type: 'json'; readonly patch: readonly unknown[] };

const types: Readonly<Record<string, ParsedPatch['type']>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
};

/** What kind of patch it is; asked before anything else of the request is looked at. @throws ApiError UnsupportedMediaType */
export function patchTypeOf({ contentType }: ServerRequest, definition?: ResourceDefinition): ParsedPatch['type'] {
  const type = types[mediaTypeOf(contentType)];
  // Nothing says how lists of a custom resource would be merged.
  if (definition?.custom && (!type || type === 'strategic')) throw unknownFormat();
  if (!type) throw apiError('UnsupportedMediaType', '415: Unsupported Media Type', { details: {} });
  return type;
}

/**
 * Reads a PATCH body by its media type. What is wrong with it is returned, and to be thrown when it is applied: upstream
 * looks for the object first. @throws ApiError UnsupportedMediaType.
 */
export async function patchOf(
  request: ServerRequest,
  definition?: ResourceDefinition,
): Promise<ParsedPatch | ApiError> {
  const type = patchTypeOf(request, definition);
  try {
    return parsed(type, await readBody(request), request);
  } catch (error) {
    if (error instanceof ApiError && isReason(error, 'BadRequest')) return error;
    throw error;
  }
}

/** @throws ApiError – it was no patch. */
export function ensurePatch(patch: ParsedPatch | ApiError): ParsedPatch {
  if (patch instanceof ApiError) throw patch;
  return patch;
}

function parsed(type: ParsedPatch['type'], value: unknown, request: ServerRequest): ParsedPatch {
  request.audit?.requestObject(value);
  if (type === 'json') {
    if (value === null) return { type, patch: [] };
    if (!Array.isArray(value)) throw mistyped(value, '[]handlers.jsonPatchOp');
    const wrong = value.find((operation) => !isRecord(operation) && operation !== null);
    if (wrong !== undefined) throw mistyped(wrong, 'handlers.jsonPatchOp');
    return { type, patch: value };
  }
  if (isRecord(value)) return { type, patch: value };
  // Go reads null as an empty map, and merges it only where the schema says how.
  if (value === null) {
    if (type === 'strategic') return { type, patch: {} };
    throw apiError('BadRequest', 'Invalid JSON Patch');
  }
  throw mistyped(value, 'map[string]interface {}', type === 'strategic' ? '' : undefined);
}

function mistyped(value: unknown, goType: string, before = 'error decoding patch: ') {
  const why = `json: cannot unmarshal ${goValueName(value)} into Go value of type ${goType}`;
  return apiError('BadRequest', `${before}${why}`);
}

function unknownFormat() {
  const accepted = 'application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml';
  return apiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
  );
}

/** Numbers with a point or an exponent are no integers to Go, which only the slower reader tells. */
const mayHaveFloats = /\d[.eE][\d+-]/;

async function readBody(request: ServerRequest): Promise<unknown> {
  if (request.body.type === 'value') return request.body.value;
  const text = goUtf8(Buffer.from(await bytesOf(request.body)));
  try {
    return mayHaveFloats.test(text) ? parseJsonStrict(text).value : parseJson(text);
  } catch (error) {
    throw apiError('BadRequest', `error decoding patch: ${(error as Error).message}`);
  }
}
