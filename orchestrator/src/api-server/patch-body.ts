import {
  ApiError,
  apiError,
  goUtf8,
  isReason,
  isRecord,
  parseJson,
  parseJsonStrict,
  unmarshalProblem,
} from '@berth/kube';
import { bytesOf } from './body-decoder.ts';
import { fieldProblems } from './decoding/duplicate-problems.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import type { ServerRequest } from './server-request.ts';
import type { FieldValidation } from './write-options.ts';

export type ParsedPatch = (
  | { readonly type: 'merge' | 'strategic'; readonly patch: Record<string, unknown> }
  | { readonly type: 'json'; readonly patch: readonly unknown[] }
) & {
  /** What is wrong with its own fields, in the words of strict decoding. */
  readonly problems?: readonly string[];
};

const types: Readonly<Record<string, ParsedPatch['type']>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
};

export const applyMedia = 'application/apply-patch+yaml';

/** What kind of patch it is; asked before anything else of the request is looked at. @throws ApiError UnsupportedMediaType */
export function patchTypeOf({ contentType }: ServerRequest, definition?: ResourceDefinition): ParsedPatch['type'] {
  const type = types[patchMediaOf(contentType)];
  const custom = definition?.custom !== undefined;
  // Nothing says how lists of a custom resource would be merged.
  if (type && !(custom && type === 'strategic')) return type;
  // Upstream's router, which custom resources do not go through, looks first, and less closely.
  if (custom || isRouted(contentType)) throw unknownFormat(custom);
  throw apiError('UnsupportedMediaType', '415: Unsupported Media Type', { details: {} });
}

/** What is before a semicolon, letter by letter: of other bodies the media type is read more kindly (handlers/patch.go). */
export function patchMediaOf(contentType = ''): string {
  const end = contentType.indexOf(';');
  return end > 0 ? contentType.slice(0, end) : contentType;
}

/** Any of several types will do there (go-restful, Route.matchesContentType). */
function isRouted(contentType = ''): boolean {
  const named = contentType.split(',').map((each) => (each.split(';', 1)[0] as string).replace(/^ +| +$/g, ''));
  return named.some((media) => media === applyMedia || Object.hasOwn(types, media));
}

/**
 * Reads a PATCH body by its media type. What is wrong with it is returned, and to be thrown when it is applied: upstream
 * looks for the object first. @throws ApiError UnsupportedMediaType.
 */
export async function patchOf(
  request: ServerRequest,
  validation: FieldValidation,
  definition?: ResourceDefinition,
): Promise<ParsedPatch | ApiError> {
  const type = patchTypeOf(request, definition);
  const words = wordsOf(type, validation);
  const { body } = request;
  try {
    if (body.type === 'value') return parsed(type, { value: body.value, audit: request.audit }, words);
    const text = goUtf8(Buffer.from(await bytesOf(body)));
    const { value, duplicateFields } = readText(text, words);
    const patch = parsed(type, { value, audit: request.audit }, words);
    return words.strict ? { ...patch, problems: problemsOf(patch, text, duplicateFields) } : patch;
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

/** How upstream reads a patch, and says that it is none: where fields are looked at, it is decoded twice. */
interface Words {
  readonly strict: boolean;
  readonly refuse: (why: string) => ApiError;
  /** What Go calls a JSON patch and an operation of it. */
  readonly list: string;
  readonly operation: string;
}

function wordsOf(type: ParsedPatch['type'], validation: FieldValidation): Words {
  const strict = validation !== 'Ignore';
  const refuse = (why: string) => {
    if (type === 'merge' && !strict) return apiError('BadRequest', 'Invalid JSON Patch');
    return apiError('BadRequest', type === 'strategic' || !strict ? why : `error decoding patch: ${why}`);
  };
  return strict
    ? { strict, refuse, list: '[]handlers.jsonPatchOp', operation: 'handlers.jsonPatchOp' }
    : { strict, refuse, list: 'jsonpatch.Patch', operation: 'jsonpatch.Operation' };
}

interface Read {
  readonly value: unknown;
  readonly audit: ServerRequest['audit'];
}

function parsed(type: ParsedPatch['type'], { value, audit }: Read, words: Words): ParsedPatch {
  audit?.requestObject(value);
  if (type === 'json') return { type, patch: operationsOf(value, words) };
  if (isRecord(value)) return { type, patch: value };
  // Go reads null as an empty map, and merges it only where the schema says how.
  if (value === null) {
    if (type === 'strategic') return { type, patch: {} };
    throw apiError('BadRequest', 'Invalid JSON Patch');
  }
  throw mistyped(value, 'value of type map[string]interface {}', words);
}

const operationFields: ReadonlySet<string> = new Set(['op', 'path', 'from', 'value']);

function operationsOf(value: unknown, words: Words): readonly unknown[] {
  if (value === null) return [];
  if (!Array.isArray(value)) throw mistyped(value, `value of type ${words.list}`, words);
  for (const operation of value) {
    if (operation === null) continue;
    if (!isRecord(operation)) throw mistyped(operation, `value of type ${words.operation}`, words);
    if (!words.strict) continue;
    for (const name of ['op', 'path', 'from'])
      if (typeof (operation[name] ?? '') !== 'string')
        throw mistyped(operation[name], `struct field jsonPatchOp.${name} of type string`, words);
  }
  return value;
}

function mistyped(value: unknown, target: string, { refuse }: Words): ApiError {
  return refuse(unmarshalProblem(value, target));
}

/** Fields given twice, and of a JSON patch those that no operation has (apiserver handlers/patch.go). */
function problemsOf({ type, patch }: ParsedPatch, text: string, duplicates: readonly string[]): readonly string[] {
  if (type !== 'json') return fieldProblems({ duplicates, text }, []);
  const unknown = patch.flatMap((operation, i) =>
    Object.keys(operation ?? {}).flatMap((name) => (operationFields.has(name) ? [] : `[${i}].${name}`)),
  );
  return fieldProblems({ duplicates, text }, unknown).map((problem) => `json patch ${problem}`);
}

function unknownFormat(custom: boolean): ApiError {
  const read = Object.keys(types).filter((media) => !custom || types[media] !== 'strategic');
  return apiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${[...read, applyMedia].join(', ')}`,
  );
}

/** Numbers with a point or an exponent are no integers to Go, which only the slower reader tells. */
const mayHaveFloats = /\d[.eE][\d+-]/;

function readText(
  text: string,
  { strict, list, refuse }: Words,
): { value: unknown; duplicateFields: readonly string[] } {
  try {
    return strict || mayHaveFloats.test(text) ? parseJsonStrict(text) : { value: parseJson(text), duplicateFields: [] };
  } catch (error) {
    const { message } = error as Error;
    const isOperations = list.startsWith('[]') && /^\s*\[/.test(text);
    throw refuse(
      isOperations
        ? message.replace('value of type float64', 'struct field jsonPatchOp.value of type float64')
        : message,
    );
  }
}
