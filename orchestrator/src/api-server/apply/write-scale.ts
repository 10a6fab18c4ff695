import { copyJson, decodeObject, schemas } from '@berth/kube';
import { askedOf } from '../admission/asked.ts';
import { applyPatch } from '../apply-patch.ts';
import { ensureName } from '../object-rules.ts';
import { patchOf } from '../patch-body.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { AnswerObject, ServerRequest } from '../server-request.ts';
import { apiVersionOf } from '../stored-object.ts';
import { changeObject } from '../verbs/change-object.ts';
import { type WriteOptions, writeOptionsOf } from '../write-options.ts';
import { applyObject } from './apply-object.ts';
import { managerOf } from './manager-name.ts';
import { isApplyPatch, readConfig, reportDuplicates } from './read-config.ts';
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
  const { definition, namespace, name, verb } = route;
  const isApply = verb === 'patch' && isApplyPatch(request);
  const kind = verb === 'patch' ? 'PatchOptions' : 'UpdateOptions';
  const options = writeOptionsOf(request.query, kind, isApply ? 'apply' : undefined);
  const write = await (isApply ? appliedScale : sentScale)(context, { route, request, options });
  return changeObject(context, {
    definition,
    namespace,
    name,
    subresource: 'scale',
    endpoint: 'main',
    user: request.user,
    dryRun: options.dryRun,
    warn: request.warn,
    asked: askedOf(request, options.asObject),
    tracked: true,
    shownAs: { of: scaling.scaleOf, take: scaling.take },
    change: (current) => withScale(context, { current, write, route, scaling }),
  });
}

/** What becomes of the scale there is, with its managedFields. */
type ScaleWrite = (before: AnyObject) => AnyObject;

interface WriteParts {
  readonly route: ResourceRoute;
  readonly request: ServerRequest;
  readonly options: WriteOptions;
}

async function sentScale(context: ServerContext, { route, request, options }: WriteParts): Promise<ScaleWrite> {
  const strictness = { validation: options.fieldValidation, warn: request.warn };
  const patch = route.verb === 'patch' ? await patchOf(request) : undefined;
  const body = patch ? undefined : await context.bodies.object(request, scaleKind, options.fieldValidation);
  if (body) ensureName(body, route.name);
  const manager = managerOf(options.fieldManager, request.userAgent);
  return (live) => {
    const next = patch
      ? context.bodies.conform(applyPatch(patch, live, scaleKind.schema), scaleKind, strictness)
      : copyJson(body as AnyObject);
    delete next.metadata.managedFields;
    const update = { scope: scaleScope(), live, next, sent: undefined, manager, now: context.clock.now() };
    const fields = trackUpdate(update);
    return fields ? { ...next, metadata: { ...next.metadata, managedFields: fields } } : next;
  };
}

async function appliedScale(context: ServerContext, { request, options }: WriteParts): Promise<ScaleWrite> {
  const read = await readConfig(request);
  return (live) => {
    const applied = applyObject({
      scope: scaleScope(),
      live,
      config: read.config,
      manager: options.fieldManager,
      force: options.force === true,
      now: context.clock.now(),
      decode: (merged) => decodeObject(schemas.get(scaleKind.schema), merged).object as AnyObject,
    });
    reportDuplicates(read, options.fieldValidation, request.warn);
    return applied;
  };
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
