import { rfc3339 } from '@berth/kit';
import {
  type ApiError,
  ApplyConflicts,
  apiError,
  applyConfiguration,
  copyJson,
  DecodeError,
  decodeObject,
  groupVersionOf,
  groupVersionProblem,
  isEmptySet,
  keepSentEmpties,
  type ManagedFieldsEntry,
  type ManagedSet,
  schemas,
  TypedError,
  validateTyped,
} from '@berth/kube';
import type { AnyObject } from '../resource-definition.ts';
import { applyConflict } from './apply-conflict.ts';
import type { FieldScope } from './field-scope.ts';
import { allowedConflicts, withLastApplied } from './last-applied.ts';
import { type Managed, managerId, storedManaged, writeManaged } from './managed-fields.ts';
import { withoutServerFields } from './reset-fields.ts';
import { followUpdate, type TrackedUpdate } from './track-update.ts';

export interface ApplyRequest {
  readonly scope: FieldScope;
  /** Undefined: it is created. Shared, and not changed. */
  readonly live: AnyObject | undefined;
  readonly config: Record<string, unknown>;
  readonly manager: string;
  readonly force: boolean;
  readonly now: number;
  /** Reads the merged object as its kind. @throws DecodeError; Unconvertible */
  readonly decode: (merged: Record<string, unknown>) => AnyObject;
  /** Why upstream converts no such object: then nobody can be made the owner of what nobody owns. */
  readonly unconvertible?: string;
}

/** Thrown where upstream's converter refuses what was merged, or, `isUnversioned`, what it read of it. */
export class Unconvertible extends Error {
  readonly isUnversioned: boolean;

  constructor(message: string, { isUnversioned = false } = {}) {
    super(message);
    this.isUnversioned = isUnversioned;
  }
}

const beforeApply = 'before-first-apply';

/** The object after a server-side apply, with its managedFields (managedfields FieldManager.Apply). @throws ApiError */
export function applyObject(request: ApplyRequest): AnyObject {
  const { scope, live: stored, config, manager, unconvertible } = request;
  checkKind(config, scope);
  const live = withoutManaged(stored ?? scope.empty());
  let managed = storedManaged(stored?.metadata.managedFields);
  if (managed.managers.size === 0 && stored) {
    if (unconvertible !== undefined)
      throw unowned(`live object (/; ${gvkOf(scope)}) to proper version: ${unconvertible}`);
    // Whatever nobody is known to own is the update's that came before.
    const first = { scope, live: undefined, next: live, sent: undefined, manager: beforeApply, now: request.now };
    managed = ownedBefore(first, managed);
  }
  checkConfig(config, scope);
  if (stored && scope.reconcile) checkLive(live, scope);
  const { object, entries } = applied(request, live, managed);
  const next = manager === 'kubectl' ? withLastApplied(object, config) : object;
  const metadata = { ...next.metadata, ...(entries ? { managedFields: entries } : {}) };
  return keepSentEmpties(object, { ...next, metadata });
}

/** @throws ApiError – what is stored is not typed, as lists without their keys are not. */
function ownedBefore(first: TrackedUpdate, managed: Managed): Managed {
  try {
    return followUpdate(first, managed);
  } catch (error) {
    if (!(error instanceof TypedError)) throw error;
    throw unowned(`new object (${printName(first.next)}; ${gvkOf(first.scope)}) to smd typed: ${error.message}`);
  }
}

function unowned(why: string): ApiError {
  return failed(`failed to create manager for existing fields: failed to convert ${why}`);
}

function checkKind(config: Record<string, unknown>, { kind, apiVersion }: FieldScope): void {
  if (config['apiVersion'] !== apiVersion || config['kind'] !== kind)
    throw apiError('BadRequest', `invalid object type: ${printKind(config)}`);
}

function checkConfig(config: Record<string, unknown>, scope: FieldScope): void {
  const { type } = scope;
  const metadata = config['metadata'] as { managedFields?: unknown } | undefined;
  if (areManagedFields(metadata?.managedFields)) throw apiError('BadRequest', 'metadata.managedFields must be nil');
  try {
    validateTyped({ value: config, type });
  } catch (error) {
    throw untyped('patch', config, scope, error);
  }
}

/** @throws ApiError – it was stored by another schema, and does not fit this one. */
function checkLive(live: AnyObject, scope: FieldScope): void {
  try {
    validateTyped({ value: live, type: scope.type }, { duplicates: true });
  } catch (error) {
    throw untyped('live', live, scope, error);
  }
}

function untyped(
  which: 'patch' | 'live',
  object: Record<string, unknown>,
  scope: FieldScope,
  error: unknown,
): ApiError {
  const what = `${printName(object)}; ${gvkOf(scope)}`;
  return failed(`failed to create typed ${which} object (${what}): ${(error as Error).message}`);
}

/** Whether they can be read: what can't be is none of them, and is left to its type (Unstructured.GetManagedFields). */
function areManagedFields(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const schema = schemas.get('io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry');
  try {
    for (const entry of value) decodeObject(schema, entry, 'map');
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

function gvkOf({ group, version, kind }: FieldScope): string {
  return `${group}/${version}, Kind=${kind}`;
}

/** A group, version and kind as Go prints them together. */
function printKind(config: Record<string, unknown>): string {
  const apiVersion = typeof config['apiVersion'] === 'string' ? config['apiVersion'] : '';
  const kind = typeof config['kind'] === 'string' ? config['kind'] : '';
  if (groupVersionProblem(apiVersion) !== undefined) return '/, Kind=';
  const { group, version } = groupVersionOf(apiVersion);
  return `${group}/${version}, Kind=${kind}`;
}

function printName(config: Record<string, unknown>): string {
  const { namespace, name } = (config['metadata'] ?? {}) as { namespace?: unknown; name?: unknown };
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return `${text(namespace)}/${text(name)}`;
}

const failed = (message: string): ApiError => apiError('Unknown', message, { code: 500 });

function withoutManaged(object: AnyObject): AnyObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** @throws ApiError Conflict */
function applied(request: ApplyRequest, live: AnyObject, managed: Managed) {
  const force = request.force;
  try {
    return merged(request, { live, managed, force });
  } catch (error) {
    if (error instanceof TypedError) throw failed(`failed to merge config: ${error.message}`);
    if (!(error instanceof ApplyConflicts)) throw error;
    const conflicts = request.manager === 'kubectl' ? remaining(request, live, error) : error.conflicts;
    if (conflicts.length > 0) throw applyConflict(conflicts);
    return merged(request, { live, managed, force: true });
  }
}

/** What kubectl applied from the client's side before is its own already (lastAppliedManager). */
function remaining({ scope }: ApplyRequest, live: AnyObject, { conflicts }: ApplyConflicts) {
  const allowed = allowedConflicts(scope, live);
  return allowed ? conflicts.filter(({ path }) => !allowed(path)) : conflicts;
}

interface Merging {
  readonly live: AnyObject;
  readonly managed: Managed;
  readonly force: boolean;
}

function merged(
  { scope, config, manager, now, decode }: ApplyRequest,
  { live, managed, force }: Merging,
): { readonly object: AnyObject; readonly entries: ManagedFieldsEntry[] | undefined } {
  const { type, apiVersion, versions, filter, subresource } = scope;
  const id = managerId({ manager, operation: 'Apply', apiVersion, subresource });
  const writing = { apiVersion, manager: id, managers: managed.managers, versions, filter, reconcile: true, force };
  const result = applyConfiguration({ value: live, type }, { value: config, type }, writing);
  const managers = new Map<string, ManagedSet>(result.managers);
  const times = new Map(managed.times);
  const own = managers.get(id);
  const set = own && withoutServerFields(own.set);
  if (own && set && !isEmptySet(set)) managers.set(id, { ...own, set });
  else managers.delete(id);
  if (result.value === undefined)
    return { object: copyJson(live), entries: writeManaged({ managers, times, entries: managed.entries }) };
  times.set(id, rfc3339(now));
  return {
    object: decoded(result.value, config, { scope, decode }),
    entries: writeManaged({ managers, times, entries: managed.entries }),
  };
}

function decoded(
  value: unknown,
  config: Record<string, unknown>,
  { scope, decode }: Pick<ApplyRequest, 'scope' | 'decode'>,
) {
  try {
    return decode(copyJson(value) as Record<string, unknown>);
  } catch (error) {
    const isUnconvertible = error instanceof Unconvertible;
    if (!isUnconvertible && !(error instanceof DecodeError)) throw error;
    const kind = gvkOf(scope);
    const about = `${printName(config)}; ${kind}`;
    if (isUnconvertible && error.isUnversioned)
      throw failed(`failed to convert to unversioned (${about}): ${error.message}`);
    const why = `${isUnconvertible ? '' : `unable to convert unstructured object to ${kind}: `}${error.message}`;
    throw failed(`failed to convert new object (${about}) to proper version: ${why}`);
  }
}
