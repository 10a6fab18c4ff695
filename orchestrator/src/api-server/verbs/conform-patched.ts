import {
  ApiError,
  apiError,
  apiVersionOf,
  groupVersionOf,
  groupVersionProblem,
  isReason,
  keepJsonNotes,
} from '@berth/kube';
import { type BodyDecoder, type ExpectedKind, unknownConversion, unregisteredKind } from '../body-decoder.ts';
import { isOlderForm } from '../decoding/kinds-not-served.ts';
import { olderScale } from '../decoding/older-scale.ts';
import { typeMetaComplaint } from '../decoding/type-meta.ts';
import { invalidStatus } from '../invalid.ts';
import type { ParsedPatch } from '../patch-body.ts';
import type { AnyObject } from '../resource-definition.ts';
import { allInOrder, invalid } from '../resources/field.ts';
import type { WriteOptions } from '../write-options.ts';
import { shownPatch } from './shown-patch.ts';

export interface Patching {
  readonly expected: ExpectedKind;
  readonly patch: ParsedPatch;
  readonly validation: WriteOptions['fieldValidation'];
  readonly warn: (text: string) => void;
  /** What has no apiVersion is of the one that is expected. */
  readonly fillsVersion?: boolean;
}

type Patched = Record<string, unknown>;

/** What a patch made, as an object of its kind, which no patch changes. @throws ApiError Invalid – it is none. */
export function conformPatched(bodies: BodyDecoder, patched: Patched, patching: Patching): AnyObject {
  const { expected, patch, validation, warn } = patching;
  const { kind, custom } = expected;
  const isMap = patch.type === 'strategic';
  const refuse = (why: string) => unfit(shownPatch(custom ? allInOrder(patched) : patched, patch), why);
  const typed = isMap ? retyped(patched, expected) : withKind(patched, patching);
  const problem = isMap
    ? undefined
    : (metaProblem(typed) ?? (custom ? customKindProblem : kindProblem)(typed, expected));
  if (problem) throw refuse(problem);
  if (isUnversioned(typed, expected)) return unversioned(typed, patching, refuse);
  try {
    const from = isMap ? 'map' : 'json';
    const object = bodies.conform(typed, expected, { validation, warn, from, found: patch.problems ?? [] });
    return olderScale(kind, object.apiVersion) ? ofExpectedVersion(object, expected) : object;
  } catch (error) {
    if (!isReason(error, 'BadRequest')) throw error;
    throw refuse(error.message.split(` cannot be handled as a ${kind}: `).at(-1) as string);
  }
}

/** Nothing of a scale's status is written. */
function ofExpectedVersion({ status: _, ...object }: AnyObject, expected: ExpectedKind): AnyObject {
  return { ...object, apiVersion: apiVersionOf(expected) };
}

/** Upstream merges strategically whatever a patch says it is. */
function retyped(patched: Patched, expected: ExpectedKind): Patched {
  const isText = (field: string) => typeof (patched[field] ?? '') === 'string';
  return {
    ...patched,
    ...(isText('kind') && { kind: expected.kind }),
    ...(isText('apiVersion') && { apiVersion: apiVersionOf(expected) }),
  };
}

/** What Go's decoder takes an object for that says nothing itself, or is of an older version with the same fields. */
function withKind(patched: Patched, { expected, fillsVersion }: Patching): Patched {
  if (expected.custom) return patched;
  const [kind, said] = [patched['kind'] || expected.kind, patched['apiVersion']];
  const isOlder = isOlderForm({ kind: `${kind}`, apiVersion: `${said}` }, expected);
  const apiVersion = isOlder || (!said && fillsVersion) ? apiVersionOf(expected) : said || undefined;
  return keepJsonNotes(patched, { ...patched, kind, apiVersion });
}

/** No version, and none but the group's own: what Go's decoder fills in itself (gvkWithDefaults). */
function isUnversioned({ apiVersion }: Patched, { group, custom }: ExpectedKind): boolean {
  if (!apiVersion) return true;
  const { group: named, version } = groupVersionOf(`${apiVersion}`);
  if (custom) return false;
  return version === '__internal' ? named === group : version === '' && (named === '' || named === group);
}

/** Without a version upstream reads its internal form, whose fields are called otherwise: there is nothing in it, not even a name. */
function unversioned(
  typed: Patched,
  { expected, validation, warn }: Patching,
  refuse: (why: string) => ApiError,
): AnyObject {
  const fields = Object.keys(typed).filter((name) => name !== 'kind' && name !== 'apiVersion');
  const unknown = fields.sort().map((name) => `unknown field ${JSON.stringify(name)}`);
  if (validation === 'Strict') throw refuse(`strict decoding error: ${unknown.join(', ')}`);
  if (validation === 'Warn') for (const problem of unknown) warn(problem);
  return { kind: expected.kind, apiVersion: apiVersionOf(expected), metadata: {} };
}

/** What keeps a kind from being read at all. */
function metaProblem(typed: Patched): string | undefined {
  return typeMetaComplaint(typed) ?? groupVersionProblem(`${typed['apiVersion'] ?? ''}`);
}

function kindProblem(typed: Patched, expected: ExpectedKind): string | undefined {
  const [kind, apiVersion] = [`${typed['kind']}`, `${typed['apiVersion'] ?? ''}`.replace(/^\//, '')];
  if (kind === expected.kind && (isUnversioned(typed, expected) || apiVersion === apiVersionOf(expected)))
    return undefined;
  if (kind === expected.kind && olderScale(kind, apiVersion)) return undefined;
  return unregisteredKind({ kind, apiVersion }) ?? unknownConversion({ kind, apiVersion }, expected);
}

/** Another kind is refused by validation, as it is of one that is sent whole. @throws ApiError InternalError – there is no version. */
function customKindProblem(typed: Patched): string | undefined {
  if (!typed['kind']) return `Object 'Kind' is missing in '${JSON.stringify(allInOrder(typed))}'`;
  if (typed['apiVersion']) return undefined;
  const why = "Object 'apiVersion' is missing in 'object has no apiVersion field'";
  throw apiError('InternalError', `Internal error occurred: ${why}`);
}

/** The answer to a patch that makes something else of an object. */
function unfit(shown: string, why: string): ApiError {
  return new ApiError(withoutKind(invalidStatus({ group: '', kind: '' }, '', [invalid('patch', shown, why)])));
}

function withoutKind(status: ApiError['status']): ApiError['status'] {
  const { kind: _, ...details } = status.details ?? {};
  return { ...status, details };
}
