import { apiError, copyJson } from '@berth/kube';
import { EtcdKeys } from '../../store/etcd/etcd-keys.ts';
import type { AdmissionRequest } from '../admission/admission.ts';
import type { Asked } from '../admission/asked.ts';
import { type Settlement, settling } from '../admission/settlement.ts';
import { admitKeepingFields } from '../apply/admit-fields.ts';
import { defaultAndTrack } from '../apply/default-and-track.ts';
import { keepTimes } from '../apply/keep-times.ts';
import { shedFields } from '../apply/shed-fields.ts';
import { heavyWork, isHeavy } from '../aside/heavy-work.ts';
import { breathe, isLarge, largeBytes, markLarge } from '../decoding/large-bodies.ts';
import { invalid } from '../invalid.ts';
import { asStored, ensureNamespace, prepareForUpdate, type UpdateEndpoint, validateUpdate } from '../object-rules.ts';
import { type ObjectStorage, untilUncontended } from '../object-storage.ts';
import { withoutRepeatedOwners } from '../owner-references.ts';
import { revisionProblem } from '../query-values.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { anotherObject, modified, notFound } from '../resource-errors.ts';
import { semanticEqual } from '../resources/equality.ts';
import type { ServerContext } from '../server-context.ts';
import type { AnswerObject } from '../server-request.ts';
import type { StoredObject } from '../stored-object.ts';
import type { User } from '../user.ts';

export interface ChangeRequest {
  readonly definition: ResourceDefinition;
  readonly namespace: string;
  readonly name: string;
  /** `''`, `status`, `scale`, `ephemeralcontainers` … */
  readonly subresource: string;
  readonly endpoint: UpdateEndpoint;
  readonly user: User;
  readonly dryRun: boolean;
  readonly warn: (text: string) => void;
  readonly asked?: Asked;
  /** The field manager; absent: the server itself. */
  readonly manager?: string;
  /** What those who admit it see in its place, and how what they make of that is taken over. */
  readonly shownAs?: {
    readonly of: (object: AnyObject) => AnyObject;
    readonly take: (object: AnyObject, shown: AnyObject) => void;
  };
  /** `change` settles managedFields itself, and gets the stored object as it is, which it does not change. */
  readonly tracked?: boolean;
  /** `change` looks at managedFields; for all others they are not copied. */
  readonly readsFields?: boolean;
  /** The server's own doing, which no thread takes over. */
  readonly own?: true;
  /** The object that is meant, where the request says so. */
  readonly uid?: string;
  /** Makes the next state of a copy of the current one; called again when another writer came first. */
  readonly change: (current: AnyObject) => AnyObject | Promise<AnyObject>;
}

/** Read, change, check, compare-and-write: the one way an existing object changes (apiserver Store.Update). @throws ApiError */
export function changeObject(context: ServerContext, request: ChangeRequest): Promise<AnswerObject> {
  const storage = context.storage(request.definition);
  // A webhook may write the same object before it answers: nobody waits for it, the store compares.
  if (context.admission.callsOut({ ...request, operation: 'update' })) return attempt(context, storage, request);
  // One after the other within this server: writers of one object would only undo each other's work. Other servers' writes still conflict.
  return context.writers.run(storage.keyOf(request.namespace, request.name), () => attempt(context, storage, request));
}

function attempt(context: ServerContext, storage: ObjectStorage, request: ChangeRequest): Promise<AnswerObject> {
  const leaves = context.aside && !request.own;
  return untilUncontended(storage, request.name, async () => {
    const current = await storage.find(request.namespace, request.name);
    if (!current) throw notFound(request.definition, request.name);
    if (leaves && isHeavy(current.kv, request.definition)) throw heavyWork;
    const next = await request.change(changeable(request, current));
    if (current.kv.value.byteLength > largeBytes) markLarge(next);
    if (isLarge(next)) await breathe();
    checkRevision(request, next, current);
    return settling(request.definition, async (settlement) => {
      await check(context, request, { next, current, settlement });
      return write(context, request, { next, current });
    });
  });
}

function changeable({ tracked, readsFields }: ChangeRequest, current: StoredObject): AnyObject {
  if (tracked) return current.object;
  return copyJson(readsFields ? current.object : current.shed);
}

interface Step {
  readonly next: AnyObject;
  readonly current: StoredObject;
  readonly settlement?: Settlement | undefined;
}

/** What keys are told as, whatever store has them. */
const upstreamKeys = new EtcdKeys('/registry');

/** @throws ApiError Conflict – the request is about another revision or another object of that name. */
function checkRevision({ definition, uid, dryRun }: ChangeRequest, next: AnyObject, current: StoredObject): void {
  const { name = '' } = current.object.metadata;
  const { resourceVersion } = next.metadata;
  const have = current.object.metadata.uid;
  // A dry run does not come to where keys get their root.
  const told = upstreamKeys.text(current.kv.key);
  const key = dryRun ? told.replace(/^\/registry/, '') : told;
  if (uid && uid !== have) throw anotherObject(definition, { name, key, wanted: uid, have });
  if (resourceVersion && resourceVersion !== '0' && resourceVersion !== current.resourceVersion) {
    const problem = revisionProblem(resourceVersion);
    throw problem ? apiError('Unknown', problem, { code: 500 }) : modified(definition, name);
  }
  const required = definition.rules.requiresRevision || needsRevision.has(`${definition.group}/${definition.plural}`);
  if ((!resourceVersion || resourceVersion === '0') && required)
    throw invalid({ group: definition.group, kind: definition.plural }, name, [
      {
        reason: 'FieldValueInvalid',
        field: 'metadata.resourceVersion',
        message: 'Invalid value: 0: must be specified for an update',
      },
    ]);
}

/** Kinds that upstream does not let be overwritten blindly (their strategies' AllowUnconditionalUpdate is false). */
const needsRevision = new Set([
  'coordination.k8s.io/leases',
  'policy/poddisruptionbudgets',
  'storage.k8s.io/csidrivers',
  'storage.k8s.io/csinodes',
  'storage.k8s.io/csistoragecapacities',
  'storage.k8s.io/volumeattachments',
  'node.k8s.io/runtimeclasses',
  'admissionregistration.k8s.io/validatingwebhookconfigurations',
  'admissionregistration.k8s.io/mutatingwebhookconfigurations',
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings',
  'admissionregistration.k8s.io/mutatingadmissionpolicies',
  'admissionregistration.k8s.io/mutatingadmissionpolicybindings',
  'apiregistration.k8s.io/apiservices',
]);

async function check(context: ServerContext, request: ChangeRequest, step: Step): Promise<void> {
  const { next, current, settlement } = step;
  const { definition, namespace, name, subresource, endpoint, user, dryRun, warn, asked } = request;
  const old = current.object;
  const { manager, tracked } = request;
  const tracking = defaultAndTrack(context, { definition, subresource, object: next, live: old, manager, tracked });
  if (tracking) await tracking;
  const about = { definition, subresource, namespace, name, user, dryRun, warn, ...asked };
  const admission = { ...about, operation: 'update', object: next, old, ...(settlement && { settlement }) } as const;
  if (isLarge(next)) await breathe();
  await mutate(context, admission, request.shownAs);
  // Who admits it may mean another state as well.
  checkRevision(request, next, current);
  withoutRepeatedOwners(next, warn, 'after');
  if (isLarge(next)) await breathe();
  ensureNamespace(next, definition.namespaced, namespace);
  // Those who validate see which state is replaced, also where the request did not say (Store.Update).
  if (/^0?$/.test(next.metadata.resourceVersion ?? '')) next.metadata.resourceVersion = current.resourceVersion;
  const rules = context.requestContext(user);
  prepareForUpdate({ definition, next, old, endpoint, subresource, context: rules });
  // What a custom object took over of the stored one is filled as its stored version says, and still that one's own.
  if (!definition.custom) definition.rules.default?.(next);
  keepTimes(next, old);
  if (isLarge(next)) await breathe();
  const pending = context.admission.fieldErrors(admission);
  const told = pending && (await pending);
  const checks = validateUpdate({ definition, next, old, endpoint, subresource, warn, ...(told && { told }) });
  if (checks) await checks;
  if (isLarge(next)) await breathe();
  if (warns(request, next, old)) for (const text of definition.rules.warnings?.(next, old) ?? []) warn(text);
  if (endpoint === 'status') for (const text of definition.rules.statusWarnings?.(next) ?? []) warn(text);
  await context.admission.validate(shown(admission, request.shownAs));
  asStored(definition, next);
}

/** What those who admit a change see of it. */
function shown(admission: AdmissionRequest, shownAs: ChangeRequest['shownAs']): AdmissionRequest {
  if (!shownAs) return admission;
  const { object, old } = admission;
  return { ...admission, object: shownAs.of(object), old: old && shownAs.of(old) };
}

async function mutate(
  context: ServerContext,
  admission: AdmissionRequest,
  shownAs: ChangeRequest['shownAs'],
): Promise<void> {
  if (!shownAs) return admitKeepingFields(context, admission);
  const seen = shown(admission, shownAs);
  await context.admission.mutate(seen);
  shownAs.take(admission.object, seen.object);
}

/** Kinds whose every change is warned of (their strategies' WarningsOnUpdate). */
const alwaysWarned = new Set([
  'PersistentVolume',
  'PersistentVolumeClaim',
  'StorageClass',
  'Service',
  'Endpoints',
  'EndpointSlice',
  'NetworkPolicy',
  'Node',
  'ResourceSlice',
]);

/** Who changes only metadata of the others was told before; people do not change pods (pod strategy WarningsOnUpdate). */
function warns({ endpoint, definition }: ChangeRequest, next: AnyObject, old: AnyObject): boolean {
  if (endpoint !== 'main' || definition.kind === 'Pod') return false;
  if (alwaysWarned.has(definition.kind)) return true;
  if (definition.kind === 'CSIDriver') return !semanticEqual(next['spec']?.tokenRequests, old['spec']?.tokenRequests);
  return !('spec' in next) || !semanticEqual(next['spec'], old['spec']);
}

async function write(
  context: ServerContext,
  request: ChangeRequest,
  { next, current }: Step,
): Promise<AnswerObject | undefined> {
  const storage = context.storage(request.definition);
  if (request.dryRun) return storage.dryRun(next, current);
  // The store alone leaves it out (etcd3 PrepareObjectForStorage).
  delete next.metadata.selfLink;
  // The last finalizer of an object that waits for its deletion is gone: so is the object.
  if (isDeletable(next, current.object)) {
    const removed = await storage.remove(current);
    if (removed) await context.admission.removed(request.definition, current.object);
    return removed && storage.pretend(next, removed);
  }
  if (isSame(next, current.object) && !storage.isStale(current)) return current;
  if (request.tracked) return storage.replace(current, next);
  return shedFields(next, (each) => storage.replace(current, each));
}

function isDeletable(next: AnyObject, old: AnyObject): boolean {
  return (
    (next.metadata.finalizers ?? []).length === 0 &&
    // Only namespaces have these; they go by their own endpoint.
    (next.kind !== 'Namespace' || (next.spec?.finalizers ?? []).length === 0) &&
    old.metadata.deletionTimestamp !== undefined &&
    (old.metadata.deletionGracePeriodSeconds ?? 0) === 0
  );
}

/** An update that changes nothing writes nothing and makes no event. */
function isSame(next: AnyObject, old: AnyObject): boolean {
  return semanticEqual({ ...next, metadata: { ...next.metadata, resourceVersion: old.metadata.resourceVersion } }, old);
}
