import { ApiError, apiError, goValue, goValueName, isReason } from '@berth/kube';
import { type BodyDecoder, expectedKind, unknownConversion, unregisteredKind } from '../body-decoder.ts';
import { invalidStatus } from '../invalid.ts';
import type { ParsedPatch } from '../patch-body.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { inOrder, invalid } from '../resources/field.ts';
import { apiVersionOf } from '../stored-object.ts';
import type { WriteOptions } from '../write-options.ts';

export interface Patching {
  readonly definition: ResourceDefinition;
  readonly patch: ParsedPatch;
  readonly validation: WriteOptions['fieldValidation'];
  readonly warn: (text: string) => void;
}

/** What a patch made, as an object of its kind, which no patch changes. @throws ApiError Invalid – it is none. */
export function conformPatched(bodies: BodyDecoder, patched: Record<string, unknown>, patching: Patching): AnyObject {
  const { definition, patch, validation, warn } = patching;
  const expected = expectedKind(definition);
  const { kind } = definition;
  const apiVersion = apiVersionOf(definition);
  // Upstream merges strategically what has no kind any more.
  const typed = patch.type === 'strategic' ? { ...patched, kind, apiVersion } : patched;
  const problem = definition.custom ? customKindProblem(typed) : kindProblem(typed, definition);
  const shown = () => shownPatch(definition.custom ? allInOrder(patched) : inOrder(patched), patch);
  if (problem) throw unfit(shown(), problem);
  try {
    return bodies.conform(typed, expected, { validation, warn, from: patch.type === 'strategic' ? 'map' : 'json' });
  } catch (error) {
    if (!isReason(error, 'BadRequest')) throw error;
    throw unfit(shown(), error.message.split(` cannot be handled as a ${kind}: `).at(-1) as string);
  }
}

function kindProblem(patched: Record<string, unknown>, definition: ResourceDefinition): string | undefined {
  const [kind, apiVersion] = [`${patched['kind'] ?? ''}`, `${patched['apiVersion'] ?? ''}`];
  if (kind === definition.kind && apiVersion === apiVersionOf(definition)) return undefined;
  if (kind === '') return `Object 'Kind' is missing in '${JSON.stringify(patched)}'`;
  if (apiVersion === '') return `Object 'apiVersion' is missing in '${JSON.stringify(patched)}'`;
  return unregisteredKind({ kind, apiVersion }) ?? unknownConversion({ kind, apiVersion }, definition);
}

/** Another kind is refused by validation, as it is of one that is sent whole. @throws ApiError InternalError – there is no version. */
function customKindProblem(patched: Record<string, unknown>): string | undefined {
  for (const field of ['apiVersion', 'kind'] as const) {
    const given = patched[field] ?? '';
    if (typeof given === 'string') continue;
    const why = `json: cannot unmarshal ${goValueName(given)} into Go struct field .${field} of type string`;
    return `couldn't get version/kind; json parse error: ${why}`;
  }
  const apiVersion = `${patched['apiVersion'] ?? ''}`;
  if (apiVersion.split('/').length > 2) return `unexpected GroupVersion string: ${apiVersion}`;
  if (!patched['kind']) return `Object 'Kind' is missing in '${JSON.stringify(allInOrder(patched))}'`;
  if (apiVersion !== '') return undefined;
  const why = "Object 'apiVersion' is missing in 'object has no apiVersion field'";
  throw apiError('InternalError', `Internal error occurred: ${why}`);
}

/** What an answer shows: all of what a patch makes, or the patch where that is merged by type. */
function shownPatch(patched: unknown, { type, patch }: ParsedPatch): string {
  return type === 'strategic' ? goValue(patch) : JSON.stringify(patched);
}

/** As Go marshals maps in maps: a custom resource is nothing else. */
function allInOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(allInOrder);
  if (typeof value !== 'object' || value === null) return value;
  return inOrder(Object.fromEntries(Object.entries(value).map(([key, each]) => [key, allInOrder(each)])));
}

/** The answer to a patch that makes something else of an object. */
function unfit(shown: string, why: string): ApiError {
  return new ApiError(withoutKind(invalidStatus({ group: '', kind: '' }, '', [invalid('patch', shown, why)])));
}

function withoutKind(status: ApiError['status']): ApiError['status'] {
  const { kind: _, ...details } = status.details ?? {};
  return { ...status, details };
}
