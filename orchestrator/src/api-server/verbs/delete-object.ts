import { rfc3339 } from '@berth/kit';
import { apiError, type KubeObject } from '@berth/kube';
import { type Asked, askedOf } from '../admission/asked.ts';
import { heavyWork, isHeavy } from '../aside/heavy-work.ts';
import { type DeleteOptions, deleteOptionsObject, deleteOptionsOf } from '../delete-options.ts';
import { nextGeneration } from '../next-generation.ts';
import { untilUncontended } from '../object-storage.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { conflict, forbidden, notFound } from '../resource-errors.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, AnswerObject, ServerRequest } from '../server-request.ts';
import type { StoredObject } from '../stored-object.ts';
import type { User } from '../user.ts';
import { returnsDeleted } from './returns-deleted.ts';

export async function deleteObject(
  context: ServerContext,
  route: ResourceRoute,
  request: ServerRequest,
): Promise<Answer> {
  const { definition, namespace, name } = route;
  const options = await deleteOptionsOf(request, context.bodies);
  const kept = definition.rules.undeletable?.(name);
  if (kept) throw forbidden(definition, name, kept);
  if (definition.group === 'batch' && definition.kind === 'Job' && !options.propagationPolicy) request.warn(keptPods);
  let status = 200;
  const object = await deleteChecked(context, {
    definition,
    namespace,
    name,
    options,
    user: request.user,
    warn: request.warn,
    asked: askedOf(request, () => deleteOptionsObject(options)),
    leaves: context.aside,
    // Who asks for a cascade in the old way hears that it is not over (apiserver handlers DeleteResource).
    onKept: () => {
      if (options.orphanDependents === false) status = 202;
    },
  });
  return { type: 'object', status, object, definition };
}

/** Upstream's job strategy warns whoever does not say what becomes of them. */
const keptPods =
  'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning';

export interface DeleteRequest {
  readonly definition: ResourceDefinition;
  readonly namespace: string;
  readonly name: string;
  readonly options: DeleteOptions;
  readonly user: User;
  readonly warn?: (text: string) => void;
  readonly asked?: Asked;
  /** One of a collection that the request is about: no name was asked for. */
  readonly ofCollection?: boolean;
  /** Another action's admission has let it be done. */
  readonly admitted?: boolean;
  /** May be left to another thread. */
  readonly leaves?: boolean;
  /** The object is still there: something holds it. */
  readonly onKept?: () => void;
}

/** Deletes at once, or marks the object where finalizers or a grace period say so (apiserver Store.Delete). @throws ApiError */
export function deleteChecked(context: ServerContext, request: DeleteRequest): Promise<AnswerObject> {
  const { definition, namespace, name, options, user } = request;
  const storage = context.storage(definition);
  const kept = <T>(answer: T): T => {
    request.onKept?.();
    return answer;
  };
  const attempt = async () => {
    const current = await storage.find(namespace, name);
    if (!current) throw notFound(definition, name);
    if (request.leaves && isHeavy(current.kv, definition)) throw heavyWork;
    const old = current.object;
    checkPreconditions(definition, old, options);
    if (isEnding(definition, old)) return kept(current);
    const admission = {
      operation: 'delete',
      definition,
      subresource: '',
      namespace,
      name: request.ofCollection ? '' : name,
      object: old,
      old,
      user,
      dryRun: options.dryRun === true,
      warn: request.warn ?? (() => undefined),
      ...request.asked,
      ...(isNamespace(definition) && { options: () => deleteOptionsObject(meantFor(old, options)) }),
    } as const;
    if (!request.admitted) await context.admission.validate(admission);
    const now = context.clock.now();
    const plan = planDeletion({ definition, old, options, now });
    if (plan === 'pending') return kept(current);
    if (plan !== 'remove' && !isOver(plan))
      return kept(options.dryRun ? storage.dryRun(plan, current) : storage.replace(current, plan));
    // Upstream's dry run ends before there is an object to tell of (errDeleteNow).
    if (options.dryRun && old.metadata.finalizers?.length) return nothingOf(definition);
    if (options.dryRun) return deletedAnswer(definition, markedAsGone(definition, current, now));
    // A kind with grace periods is marked first even when nothing is left of its period, as watchers know it.
    const last = plan === 'remove' ? current : await storage.replace(current, plan);
    const removed = last && (await storage.remove(last));
    if (removed) await context.admission.removed(definition, old);
    return removed && deletedAnswer(definition, markedAsGone(definition, removed, now));
  };
  const run = () => untilUncontended(storage, name, attempt);
  const about = { definition, operation: 'delete', subresource: '', namespace, name } as const;
  // As for changes: nobody waits for what is asked outside.
  return context.admission.callsOut(about) ? run() : context.writers.run(storage.keyOf(namespace, name), run);
}

/** @throws ApiError Conflict – the object is not the one, or not in the state, that the deletion is meant for. */
export function checkPreconditions(
  definition: ResourceDefinition,
  old: AnyObject,
  { preconditions }: DeleteOptions,
): void {
  const { kind, group } = definition;
  const { name = '', uid, resourceVersion } = old.metadata;
  const refuse = (field: string, wanted: string, have: string | undefined, happened: string) => {
    if (isNamespace(definition)) {
      const why = `Precondition failed: ${field} in precondition: ${wanted}, ${field} in object meta: ${have}`;
      throw conflict(definition, name, why);
    }
    const qualified = group === '' ? kind : `${kind}.${group}`;
    throw apiError(
      'Conflict',
      `Operation cannot be fulfilled on ${qualified} "${name}": the ${field} in the precondition (${wanted}) does not match the ${field} in record (${have}). The object might have been ${happened}`,
      { details: { name, ...(group === '' ? {} : { group }), kind } },
    );
  };
  if (preconditions.uid !== undefined && preconditions.uid !== uid)
    refuse('UID', preconditions.uid, uid, 'deleted and then recreated');
  if (preconditions.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion)
    refuse('ResourceVersion', preconditions.resourceVersion, resourceVersion, 'modified');
}

interface DeletionQuestion {
  readonly definition: ResourceDefinition;
  readonly old: AnyObject;
  readonly options: DeleteOptions;
  readonly now: number;
}

/** Nothing holds it any more, and no time is left. */
function isOver({ metadata, spec }: AnyObject): boolean {
  return metadata.deletionGracePeriodSeconds === 0 && !metadata.finalizers?.length && !spec?.finalizers?.length;
}

/** `remove`: nothing holds it; `pending`: its deletion is under way and this request changes nothing; else its next state. */
export function planDeletion({ definition, old, options, now }: DeletionQuestion): AnyObject | 'remove' | 'pending' {
  const { markDeleted } = definition.rules;
  if (markDeleted && !old.metadata.deletionTimestamp) return markDeleted(old, now);
  const finalizers = finalizersAfter(definition, old, options);
  const grace = graceOf(definition, old, options);
  if (grace === 'pending') return 'pending';
  const held = isNamespace(definition) && old.spec?.finalizers?.length > 0;
  const seconds = grace ?? 0;
  const { metadata } = old;
  const first = !metadata.deletionTimestamp;
  // What no node has to end is not marked first: after a crash in between nobody would finish its deletion.
  const unheld = grace === undefined || !old.spec?.nodeName;
  const marked = unheld || (!first && metadata.deletionGracePeriodSeconds === 0);
  if (finalizers.length === 0 && !held && seconds === 0 && marked) return 'remove';
  const unchanged = grace === undefined || grace === metadata.deletionGracePeriodSeconds;
  // What marks itself says nothing of time, which is over where its deletion is asked for again (registry Store.Delete, markAsDeleting).
  const unsaid = markDeleted !== undefined && metadata.deletionGracePeriodSeconds === undefined;
  if (!first && unchanged && !unsaid && sameList(finalizers, metadata.finalizers)) return 'pending';
  const next: AnyObject = { ...old, metadata: { ...metadata } };
  if (finalizers.length > 0) next.metadata.finalizers = finalizers;
  else delete next.metadata.finalizers;
  if (first || grace !== undefined) {
    const { at, left } = deletionTime(metadata, seconds, now);
    next.metadata.deletionTimestamp = at;
    if (!held) next.metadata.deletionGracePeriodSeconds = left;
  }
  if (unsaid) next.metadata.deletionGracePeriodSeconds = 0;
  if (isNamespace(definition)) next['status'] = { ...next.status, phase: 'Terminating' };
  if (first && metadata.generation) next.metadata.generation = nextGeneration(metadata.generation);
  return next;
}

/** A namespace that waits for what is in it: its deletion is asked of nobody again (registry/core/namespace REST.Delete). */
function isEnding(definition: ResourceDefinition, { metadata, spec }: AnyObject): boolean {
  return isNamespace(definition) && metadata.deletionTimestamp !== undefined && spec?.finalizers?.length > 0;
}

/** A namespace's deletion is always meant for that one, and says so to those who admit it. */
function meantFor({ metadata }: AnyObject, options: DeleteOptions): DeleteOptions {
  return { ...options, preconditions: { uid: metadata.uid as string, ...options.preconditions } };
}

/** Namespaces wait for `spec.finalizers` as well, and say so in their phase (registry/core/namespace). */
function isNamespace({ group, plural }: ResourceDefinition): boolean {
  return group === '' && plural === 'namespaces';
}

/** The last that is written with a year of four digits. */
const lastTime = Date.UTC(10_000, 0) - 1000;

/**
 * A shortened grace period counts from when the deletion began. Where it would be over it is a second, as somebody has
 * to end the object still (rest.BeforeDelete).
 */
function deletionTime(metadata: AnyObject['metadata'], seconds: number, now: number) {
  const began = metadata.deletionTimestamp
    ? Date.parse(metadata.deletionTimestamp) - (metadata.deletionGracePeriodSeconds ?? 0) * 1000
    : now;
  // Of a period beyond all times that can be written nobody can tell when it began.
  const since = Math.max(began, Date.parse(metadata.creationTimestamp ?? '') || began);
  const end = Math.min(since + seconds * 1000, lastTime);
  return end < now ? { at: rfc3339(now), left: Math.min(seconds, 1) } : { at: rfc3339(end), left: seconds };
}

/** Seconds of grace this request sets; undefined: the kind knows none; `pending`: no shorter than what already runs (rest.BeforeDelete). */
function graceOf(
  { rules }: ResourceDefinition,
  old: AnyObject,
  options: DeleteOptions,
): number | undefined | 'pending' {
  if (!rules.defaultGracePeriodSeconds) return undefined;
  const { deletionTimestamp, deletionGracePeriodSeconds: running } = old.metadata;
  if (deletionTimestamp) {
    // Marked with nothing left, but still here: a crash came in between.
    if (running === 0) return 0;
    if (options.gracePeriodSeconds === undefined) return 'pending';
    const asked = options.gracePeriodSeconds < 0 ? 1 : options.gracePeriodSeconds;
    return running !== undefined && asked >= running ? 'pending' : asked;
  }
  const seconds = options.gracePeriodSeconds ?? rules.defaultGracePeriodSeconds(old);
  // Nothing runs that would need the time (registry/core/pod CheckGracefulDelete).
  if (!old.spec?.nodeName || ['Succeeded', 'Failed'].includes(old.status?.phase)) return 0;
  return seconds < 0 ? 1 : seconds;
}

/** The garbage collector's finalizers that the propagation policy wants (apiserver deletionFinalizersForGarbageCollection). */
function finalizersAfter({ group, plural }: ResourceDefinition, old: AnyObject, options: DeleteOptions): string[] {
  const have = old.metadata.finalizers ?? [];
  const policy =
    options.propagationPolicy ??
    policyInPlace(have) ??
    (orphansByDefault.has(`${group}/${plural}`) ? 'Orphan' : undefined);
  const rest = have.filter((name) => name !== 'orphan' && name !== 'foregroundDeletion');
  if (policy === 'Orphan') return [...rest, 'orphan'];
  return policy === 'Foreground' ? [...rest, 'foregroundDeletion'] : rest;
}

function policyInPlace(finalizers: readonly string[]): 'Orphan' | 'Foreground' | undefined {
  if (finalizers.includes('orphan')) return 'Orphan';
  return finalizers.includes('foregroundDeletion') ? 'Foreground' : undefined;
}

/** Old kinds whose dependents stay unless the request says otherwise (their strategies' DefaultGarbageCollectionPolicy). */
const orphansByDefault = new Set(['/replicationcontrollers', 'batch/jobs']);

function sameList(a: readonly string[], b: readonly string[] = []): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

/** Where a kind knows grace periods, what is gone at once is answered as if it had been marked before. */
function markedAsGone({ rules }: ResourceDefinition, stored: StoredObject, now: number): AnswerObject {
  const { object } = stored;
  const { deletionTimestamp, generation } = object.metadata;
  if (!rules.defaultGracePeriodSeconds || deletionTimestamp) return stored;
  const metadata = {
    ...object.metadata,
    ...(generation ? { generation: nextGeneration(generation) } : {}),
    deletionTimestamp: rfc3339(now),
    deletionGracePeriodSeconds: 0,
  };
  return { ...object, metadata: { ...metadata, resourceVersion: stored.resourceVersion } };
}

function nothingOf({ group, version, kind }: ResourceDefinition): AnswerObject {
  return { kind, apiVersion: group === '' ? version : `${group}/${version}`, metadata: {} };
}

function deletedAnswer(definition: ResourceDefinition, removed: AnswerObject): AnswerObject {
  const { group, plural } = definition;
  if (returnsDeleted(definition)) return removed;
  const { name, uid } = ('object' in removed ? (removed as StoredObject).object : (removed as AnyObject)).metadata;
  const details = { name, ...(group === '' ? {} : { group }), kind: plural, uid };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details } as KubeObject;
}
