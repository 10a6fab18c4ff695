import { ApiError, isReason } from '@berth/kube';
import { type BodyDecoder, expectedKind, unregisteredKind } from '../body-decoder.ts';
import { invalidStatus } from '../invalid.ts';
import type { ParsedPatch } from '../patch-body.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { invalid } from '../resources/field.ts';
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
    return bodies.conform(typed, expected, { validation, warn });
  } catch (error) {
    if (!isReason(error, 'BadRequest')) throw error;
    throw unfit(patched, error.message.split(` cannot be handled as a ${kind}: `).at(-1) as string, patch);
  }
}

function kindProblem(patched: Record<string, unknown>, definition: ResourceDefinition): string | undefined {
  const { group } = definition;
  const [kind, apiVersion] = [`${patched['kind'] ?? ''}`, `${patched['apiVersion'] ?? ''}`];
  if (kind === definition.kind && apiVersion === apiVersionOf(definition)) return undefined;
  if (kind === '') return `Object 'Kind' is missing in '${JSON.stringify(patched)}'`;
  if (apiVersion === '') return `Object 'apiVersion' is missing in '${JSON.stringify(patched)}'`;
  const unregistered = unregisteredKind({ kind, apiVersion });
  if (unregistered) return unregistered;
  const internal = group.split('.')[0] || 'core';
  return `converting (${apiVersion.split('/').at(-1)}.${kind}) to (${internal}.${definition.kind}): unknown conversion`;
}

/** The answer to a patch that makes something else of an object: with all of what it makes, or the patch where that is merged by type. */
function unfit(patched: Record<string, unknown>, why: string, { type, patch }: ParsedPatch): ApiError {
  const shown = type === 'strategic' ? goText(patch) : JSON.stringify(sorted(patched));
  return new ApiError(withoutKind(invalidStatus({ group: '', kind: '' }, '', [invalid('patch', shown, why)])));
}

function withoutKind(status: ApiError['status']): ApiError['status'] {
  const { kind: _, ...details } = status.details ?? {};
  return { ...status, details };
}

function sorted(object: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A value as Go prints it: `map[a:1 b:[x y]]`. */
function goText(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(sorted(value as Record<string, unknown>));
  return `map[${entries.map(([key, each]) => `${key}:${goText(each)}`).join(' ')}]`;
}
