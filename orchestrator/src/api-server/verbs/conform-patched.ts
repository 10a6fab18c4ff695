import { ApiError, goValue, isReason } from '@berth/kube';
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
  if (definition.custom) return bodies.conform(patched, expected, { validation, warn });
  const { kind } = definition;
  const apiVersion = apiVersionOf(definition);
  // Upstream merges strategically what has no kind any more.
  const typed = patch.type === 'strategic' ? { ...patched, kind, apiVersion } : patched;
  const problem = kindProblem(typed, definition);
  if (problem) throw unfit(patched, problem, patch);
  try {
    return bodies.conform(typed, expected, { validation, warn, from: patch.type === 'strategic' ? 'map' : 'json' });
  } catch (error) {
    if (!isReason(error, 'BadRequest')) throw error;
    throw unfit(patched, error.message.split(` cannot be handled as a ${kind}: `).at(-1) as string, patch);
  }
}

function kindProblem(patched: Record<string, unknown>, definition: ResourceDefinition): string | undefined {
  const [kind, apiVersion] = [`${patched['kind'] ?? ''}`, `${patched['apiVersion'] ?? ''}`];
  if (kind === definition.kind && apiVersion === apiVersionOf(definition)) return undefined;
  if (kind === '') return `Object 'Kind' is missing in '${JSON.stringify(patched)}'`;
  if (apiVersion === '') return `Object 'apiVersion' is missing in '${JSON.stringify(patched)}'`;
  return unregisteredKind({ kind, apiVersion }) ?? unknownConversion({ kind, apiVersion }, definition);
}

/** The answer to a patch that makes something else of an object: with all of what it makes, or the patch where that is merged by type. */
function unfit(patched: Record<string, unknown>, why: string, { type, patch }: ParsedPatch): ApiError {
  const shown = type === 'strategic' ? goValue(patch) : JSON.stringify(inOrder(patched));
  return new ApiError(withoutKind(invalidStatus({ group: '', kind: '' }, '', [invalid('patch', shown, why)])));
}

function withoutKind(status: ApiError['status']): ApiError['status'] {
  const { kind: _, ...details } = status.details ?? {};
  return { ...status, details };
}
