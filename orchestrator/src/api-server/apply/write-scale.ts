import { apiError, apiVersionOf, copyJson, decodeObject, isReason, schemas } from '@berth/kube';
import { applyPatch } from '../apply-patch.ts';
import { ensureName, ensureNamespace } from '../object-rules.ts';
import { ensurePatch, patchOf, patchTypeOf } from '../patch-body.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { AnswerObject, ServerRequest } from '../server-request.ts';
import { changeObject } from '../verbs/change-object.ts';
import { conformPatched } from '../verbs/conform-patched.ts';
import { requestedChange } from '../verbs/requested-change.ts';
import { inGoOrder } from '../verbs/shown-patch.ts';
import { type WriteOptions, writeOptionsOf } from '../write-options.ts';
import { Unconvertible } from './apply-object.ts';
import { applySent, sentConfig } from './apply-sent.ts';
import { managerOf } from './manager-name.ts';
import { isApplyPatch } from './read-config.ts';
import { parentEntries, type ReplicasPaths, scaleEntries } from './scale-fields.ts';
import { scaleScope } from './scale-scope.ts';
import { trackUpdate } from './track-update.ts';

export const scaleKind = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  schema: 'io.k8s.api.autoscaling.v1.Scale',
};

/** How a kind shows itself as an autoscaling/v1 Scale, and takes one over. */
export interface Scaling {
  readonly scaleOf: (object: AnyObject) => AnyObject;
  /** Changes `object` in place. @throws ApiError */
  readonly take: (object: AnyObject, scale: AnyObject) => void;
}

export interface ScaleRequest {
  readonly route: ResourceRoute;
  readonly request: ServerRequest;
  readonly scaling: Scaling;
}

/** PUT and PATCH of a scale, apply included: its replicas, and who owns them. @throws ApiError */
export async function writeScale(
  context: ServerContext,
  { route, request, scaling }: ScaleRequest,
): Promise<AnswerObject> {
  const { verb } = route;
  const isApply = verb === 'patch' && isApplyPatch(request);
  const { options, write, uid } = await (isApply ? appliedScale : sentScale)(context, route, request);
  return changeObject(context, {
    ...requestedChange(route, request, options),
    ...(uid ? { uid } : {}),
    endpoint: 'main',
    tracked: true,
    shownAs: { of: scaling.scaleOf, take: scaling.take },
    change: (current) => withScale(context, { current, write, route, scaling }),
  });
}

/** What becomes of the scale there is, with its managedFields. */
type ScaleWrite = (before: AnyObject) => AnyObject;

interface AskedScale {
  readonly options: WriteOptions;
  /** Of the object that is meant, where one is sent whole. */
  readonly uid?: string | undefined;
  readonly write: ScaleWrite;
}

async function sentScale(context: ServerContext, route: ResourceRoute, request: ServerRequest): Promise<AskedScale> {
  const { definition, verb } = route;
  if (verb === 'patch') patchTypeOf(request, definition);
  const options = writeOptionsOf(request.query, verb === 'patch' ? 'PatchOptions' : 'UpdateOptions');
  const strictness = { validation: options.fieldValidation, warn: request.warn };
  const sent = verb === 'patch' ? await patchOf(request, options.fieldValidation, definition) : undefined;
  const body = sent ? undefined : await sentBody(context, { definition, request, options });
  if (body) ensurePlace(body, route);
  const manager = managerOf(options.fieldManager, request.userAgent);
  const write = (live: AnyObject) => {
    const patch = sent && ensurePatch(sent);
    const next = patch
      ? conformPatched(context.bodies, applyPatch(patch, inGoOrder(live, scaleKind.schema), scaleKind.schema), {
          expected: scaleKind,
          patch,
          fillsVersion: definition.custom !== undefined,
          ...strictness,
        })
      : copyJson(body as AnyObject);
    if (patch) ensurePlace(next, route);
    // The whole object is compared, as every other that is sent whole.
    else delete next.metadata.uid;
    delete next.metadata.managedFields;
    const update = { scope: scaleScope(), live, next, sent: undefined, manager, now: context.clock.now() };
    const fields = trackUpdate(update);
    return fields ? { ...next, metadata: { ...next.metadata, managedFields: fields } } : next;
  };
  return { options, write, uid: body?.metadata.uid };
}

interface Sending {
  readonly definition: ResourceDefinition;
  readonly request: ServerRequest;
  readonly options: WriteOptions;
}

/** @throws ApiError BadRequest – it is no Scale: of custom resources upstream's words for that are these, whatever is wrong. */
async function sentBody(context: ServerContext, { definition, request, options }: Sending): Promise<AnyObject> {
  try {
    return await context.bodies.object(request, scaleKind, options.fieldValidation);
  } catch (error) {
    if (!definition.custom || !isReason(error, 'BadRequest')) throw error;
    throw apiError('BadRequest', 'no kind is registered for the type v1.Scale in scheme "pkg/runtime/scheme.go:111"');
  }
}

function ensurePlace(scale: AnyObject, { namespace, name }: ResourceRoute): void {
  ensureNamespace(scale, true, namespace);
  ensureName(scale, name);
}

/** Upstream takes what is merged there for a custom resource, of which autoscaling/v1 is no version. */
const noCustomScale = 'request to convert CR to an invalid group/version: autoscaling/v1';

async function appliedScale(context: ServerContext, route: ResourceRoute, request: ServerRequest): Promise<AskedScale> {
  const sent = await sentConfig(request);
  const write = (live: AnyObject) => {
    const next = applySent(context, sent, {
      scope: scaleScope(),
      live,
      ...(route.definition.custom && { unconvertible: noCustomScale }),
      decode: (merged) => {
        if (route.definition.custom) throw new Unconvertible(noCustomScale);
        return decodeObject(schemas.get(scaleKind.schema), merged, 'map').object as AnyObject;
      },
    });
    ensurePlace(next, route);
    return next;
  };
  return { options: sent.options, write };
}

interface Taking {
  /** Not changed. */
  readonly current: AnyObject;
  readonly write: ScaleWrite;
  readonly route: ResourceRoute;
  readonly scaling: Scaling;
}

function withScale(context: ServerContext, { current, write, route, scaling }: Taking): AnyObject {
  const { managedFields } = current.metadata;
  const apiVersion = apiVersionOf(route.definition);
  const paths = replicasPaths(context, route);
  const before = scaling.scaleOf(current);
  const owned = scaleEntries(managedFields, paths);
  const wanted = write(owned ? { ...before, metadata: { ...before.metadata, managedFields: owned } } : before);
  const next = copyJson(current);
  scaling.take(next, wanted);
  const entries = parentEntries(managedFields, wanted.metadata.managedFields, { paths, apiVersion });
  if (entries) next.metadata.managedFields = entries;
  else delete next.metadata.managedFields;
  return next;
}

/** Where each version of the kind has its replicas. */
function replicasPaths({ registry }: ServerContext, { definition: { group, plural } }: ResourceRoute): ReplicasPaths {
  const versions = registry.definitions.filter((each) => each.group === group && each.plural === plural);
  return new Map(
    versions.map((each) => {
      const path = each.custom ? each.custom.scale?.specReplicas : ['spec', 'replicas'];
      return [apiVersionOf(each), path?.map((name) => `f:${name}`)];
    }),
  );
}
