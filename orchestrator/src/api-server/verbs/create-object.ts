import { apiError, copyJson, isAlreadyExists, keepSentEmpties } from '@berth/kube';
import type { AdmissionRequest } from '../admission/admission.ts';
import { type Asked, askedOf } from '../admission/asked.ts';
import { madeUpName } from '../admission/made-up-name.ts';
import { type Settlement, settling } from '../admission/settlement.ts';
import { admitKeepingFields } from '../apply/admit-fields.ts';
import { defaultAndTrack } from '../apply/default-and-track.ts';
import { managerOf } from '../apply/manager-name.ts';
import { shedFields } from '../apply/shed-fields.ts';
import { expectedKind } from '../body-decoder.ts';
import { breathe, isLarge } from '../decoding/large-bodies.ts';
import { asStored, ensureNamespace, prepareForCreate, validateCreate } from '../object-rules.ts';
import { withoutRepeatedOwners } from '../owner-references.ts';
import { revisionProblem } from '../query-values.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { alreadyExists } from '../resource-errors.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, AnswerObject, ServerRequest } from '../server-request.ts';
import type { User } from '../user.ts';
import { writeOptionsOf } from '../write-options.ts';

/** Upstream's: with 27^5 suffixes a ninth collision means that something else is wrong. */
const nameTries = 8;

export async function createObject(
  context: ServerContext,
  route: ResourceRoute,
  request: ServerRequest,
): Promise<Answer> {
  const { definition, namespace } = route;
  const options = writeOptionsOf(request.query, 'CreateOptions');
  const object = await context.bodies.object(request, expectedKind(definition), options.fieldValidation);
  ensureNamespace(object, definition.namespaced, namespace);
  const created = await createChecked(context, {
    definition,
    object,
    user: request.user,
    warn: request.warn,
    dryRun: options.dryRun,
    asked: askedOf(request, options.asObject),
    manager: managerOf(options.fieldManager, request.userAgent),
  });
  return { type: 'object', status: 201, object: created, definition };
}

export interface CreateRequest {
  readonly definition: ResourceDefinition;
  readonly object: AnyObject;
  readonly user: User;
  readonly dryRun: boolean;
  readonly warn: (text: string) => void;
  readonly asked?: Asked;
  /** The field manager; absent: the server itself. */
  readonly manager?: string;
  /** The object comes with its managedFields settled. */
  readonly tracked?: boolean;
}

/** Everything a new object goes through after it was decoded. @throws ApiError */
export async function createChecked(context: ServerContext, request: CreateRequest): Promise<AnswerObject> {
  const { metadata } = request.object;
  // What is no revision, or none of any object, says nothing to the store.
  if (
    !request.dryRun &&
    (/^0*$/.test(metadata.resourceVersion ?? '') || revisionProblem(metadata.resourceVersion as string))
  )
    delete metadata.resourceVersion;
  const { generateName } = metadata;
  if (metadata.name || !generateName) return createNamed(context, request);
  for (let tries = 1; ; tries++) {
    const attempt = keepSentEmpties(request.object, copyJson(request.object));
    attempt.metadata.name = madeUpName(generateName, context.rng);
    try {
      return await createNamed(context, { ...request, object: attempt, generatedName: true });
    } catch (error) {
      if (!isAlreadyExists(error) || tries >= nameTries) throw error;
    }
  }
}

type NamedRequest = CreateRequest & { readonly generatedName?: boolean };

function createNamed(context: ServerContext, request: NamedRequest): Promise<AnswerObject> {
  return settling(request.definition, (settlement) => createSettled(context, request, settlement));
}

async function createSettled(
  context: ServerContext,
  request: NamedRequest,
  settlement: Settlement | undefined,
): Promise<AnswerObject> {
  const { definition, object, user, dryRun, warn, generatedName } = request;
  const { namespace = '', name = '' } = object.metadata;
  const admission: AdmissionRequest = {
    operation: 'create',
    definition,
    subresource: '',
    namespace,
    name,
    object,
    old: undefined,
    user,
    dryRun,
    warn,
    ...request.asked,
    ...(settlement && { settlement }),
  };
  const rules = { ...context.requestContext(user), warn };
  const { manager, tracked } = request;
  // Nobody owns what nobody can set; but for those who admit it (rest.WipeObjectMetaSystemFields comes before them).
  delete object.metadata.deletionTimestamp;
  delete object.metadata.deletionGracePeriodSeconds;
  withoutRepeatedOwners(object, warn, 'before');
  // Upstream makes a name up only after that: what is by default made of a name nobody owns then.
  if (generatedName) delete object.metadata.name;
  const tracking = defaultAndTrack(context, { definition, subresource: '', object, live: undefined, manager, tracked });
  if (tracking) await tracking;
  if (generatedName) object.metadata.name = name;
  if (isLarge(object)) await breathe();
  await admitKeepingFields(context, generatedName ? { ...admission, generatedName } : admission);
  // Those who changed the object may have given it a name, or another prefix of one, or the first.
  const { generateName } = object.metadata;
  if (!object.metadata.name && generateName) object.metadata.name = madeUpName(generateName, context.rng);
  const { name: called = '' } = object.metadata;
  const named = generatedName || name === '' ? { ...admission, name: called } : admission;
  withoutRepeatedOwners(object, warn, 'after');
  if (isLarge(object)) await breathe();
  ensureNamespace(object, definition.namespaced, namespace);
  // What nobody creates of a custom object is neither checked nor stored: defaults are there where it is read.
  if (definition.custom) definition.rules.default?.(object);
  prepareForCreate(definition, object, rules);
  if (!definition.custom) definition.rules.default?.(object);
  if (isLarge(object)) await breathe();
  const pending = context.admission.fieldErrors(named);
  const told = pending && (await pending);
  const checks = validateCreate(definition, object, { warn, ...(told && { told }) });
  if (checks) await checks;
  if (isLarge(object)) await breathe();
  for (const text of definition.rules.warnings?.(object) ?? []) warn(text);
  if (isLarge(object)) await breathe();
  await context.admission.validate(named);
  asStored(definition, object);
  const storage = context.storage(definition);
  // Only the store says so: whoever may not create this is told that before, and a dry run nothing (etcd3 store Create).
  if (object.metadata.resourceVersion && !dryRun)
    throw apiError('Unknown', 'resourceVersion should not be set on objects to be created', { code: 500 });
  if (dryRun) {
    const there = await storage.find(namespace, called);
    if (there) throw alreadyExists(definition, called, there.object);
    if (definition.custom) definition.rules.default?.(object);
    return storage.dryRun(object);
  }
  return tracked ? storage.create(object) : shedFields(object, (each) => storage.create(each));
}
