import { decodeObject, isAlreadyExists, isNotFound, schemas } from '@berth/kube';
import { askedOf } from '../admission/asked.ts';
import type { Authorizer } from '../authorizer.ts';
import { expectedKind } from '../body-decoder.ts';
import { forbiddenError } from '../forbidden.ts';
import { ensureName, ensureNamespace } from '../object-rules.ts';
import type { SpecialHandler } from '../request-pipeline.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { conflict } from '../resource-errors.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, AnswerObject, ServerRequest } from '../server-request.ts';
import { changeObject } from '../verbs/change-object.ts';
import { createChecked } from '../verbs/create-object.ts';
import { requestedChange } from '../verbs/requested-change.ts';
import { Unconvertible } from './apply-object.ts';
import { applySent, type SentConfig, sentConfig } from './apply-sent.ts';
import { convertMissed } from './convert-missed.ts';
import { isApplyPatch } from './read-config.ts';

/** Between looking and writing, an object may come and go this often. */
const maxTries = 5;

/** PATCH with an apply configuration, of an object or of a subresource that has its kind; creates what is not there. */
export function serveApply(authorizer: Authorizer): SpecialHandler {
  return (context, route, request) => {
    if (route.verb !== 'patch' || !isApplyPatch(request)) return undefined;
    return apply(context, { route, request, authorizer });
  };
}

interface Applying {
  readonly route: ResourceRoute;
  readonly request: ServerRequest;
  readonly authorizer: Authorizer;
}

async function apply(context: ServerContext, { route, request, authorizer }: Applying): Promise<Answer> {
  const { definition } = route;
  const attempt = { context, route, sent: await sentConfig(request) };
  for (let tries = 1; ; tries++) {
    try {
      const object = await change(attempt);
      return { type: 'object', status: 200, object, definition };
    } catch (error) {
      if (!isMissing(error, route)) throw error;
    }
    try {
      const object = await create(attempt, authorizer);
      return { type: 'object', status: 201, object, definition };
    } catch (error) {
      // Another one made it in between: it is changed.
      if (!isAlreadyExists(error) || tries >= maxTries) throw error;
    }
  }
}

interface Attempt {
  readonly context: ServerContext;
  readonly route: ResourceRoute;
  readonly sent: SentConfig;
}

/** Subresources never create the object. */
function isMissing(error: unknown, { definition, name, subresource }: ResourceRoute): boolean {
  if (subresource || !isNotFound(error)) return false;
  const { details } = error.status;
  return details?.name === name && details.kind === definition.plural;
}

function change(attempt: Attempt): Promise<AnswerObject> {
  const { context, route, sent } = attempt;
  const { request, options } = sent;
  return changeObject(context, {
    ...requestedChange(route, request, options),
    tracked: true,
    change: (live) => next(attempt, live),
  });
}

/** The object as it would be, at the place the request is about. @throws ApiError */
async function next({ context, route, sent }: Attempt, live: AnyObject | undefined): Promise<AnyObject> {
  const { definition, namespace, name, subresource } = route;
  const object = await convertMissed(context.fields.of(definition, subresource?.name ?? ''), (scope) =>
    applySent(context, sent, { scope, live, decode: (merged) => decode(context, definition, merged) }),
  );
  if (!live && object.metadata.uid)
    throw conflict(
      definition,
      name,
      `uid mismatch: the provided object specified uid ${object.metadata.uid}, and no existing object was found`,
    );
  ensureNamespace(object, definition.namespaced, namespace);
  ensureName(object, name);
  return object;
}

function decode(context: ServerContext, definition: ResourceDefinition, merged: Record<string, unknown>): AnyObject {
  const schema = definition.merge ? undefined : schemas.find(definition.schema);
  if (!schema)
    return context.bodies.conform(merged, expectedKind(definition), {
      validation: 'Ignore',
      warn: () => undefined,
      from: 'map',
    });
  const object = decodeObject(schema, merged, 'map').object as AnyObject;
  const problem = definition.rules.unconvertible?.(object);
  if (problem !== undefined) throw new Unconvertible(problem, { isUnversioned: true });
  return object;
}

async function create(attempt: Attempt, authorizer: Authorizer): Promise<AnswerObject> {
  const { context, route, sent } = attempt;
  const { request, options } = sent;
  const { definition } = route;
  const object = await next(attempt, undefined);
  await mayCreate(route, request, authorizer);
  // What nobody has stored has no revision to compare with.
  delete object.metadata.resourceVersion;
  return createChecked(context, {
    definition,
    object,
    user: request.user,
    dryRun: options.dryRun,
    warn: request.warn,
    asked: askedOf(request, options.asObject),
    tracked: true,
  });
}

/** Who may patch may not, for that alone, create. @throws ApiError Forbidden */
async function mayCreate(
  { definition, namespace, name }: ResourceRoute,
  { user, path }: ServerRequest,
  authorizer: Authorizer,
) {
  const { group, plural, version } = definition;
  const attributes = { user, verb: 'create', namespace, group, version, resource: plural, subresource: '', name, path };
  const decision = await authorizer.authorize(attributes);
  if (!decision.allowed) throw forbiddenError(attributes, decision.reason);
}
