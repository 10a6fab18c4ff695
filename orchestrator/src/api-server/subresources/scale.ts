import { apiError, copyJson, decodeObject, Selector, schemas } from '@berth/kube';
import { applyObject } from '../apply/apply-object.ts';
import { managerOf } from '../apply/manager-name.ts';
import { isApplyPatch, readConfig, reportDuplicates } from '../apply/read-config.ts';
import { parentEntries, type ReplicasPaths, scaleEntries } from '../apply/scale-fields.ts';
import { scaleScope } from '../apply/scale-scope.ts';
import { trackUpdate } from '../apply/track-update.ts';
import { applyPatch } from '../apply-patch.ts';
import { invalid } from '../invalid.ts';
import { patchOf } from '../patch-body.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, AnswerObject, ServerRequest } from '../server-request.ts';
import { apiVersionOf, StoredObject } from '../stored-object.ts';
import { changeObject } from '../verbs/change-object.ts';
import { requireObject } from '../verbs/get-object.ts';
import { checkName } from '../verbs/update-object.ts';
import { type WriteOptions, writeOptionsOf } from '../write-options.ts';

const kind = { group: 'autoscaling', version: 'v1', kind: 'Scale', schema: 'io.k8s.api.autoscaling.v1.Scale' };

/** GET, PUT and PATCH of the number of replicas as an autoscaling/v1 Scale. */
export async function serveScale(
  context: ServerContext,
  route: ResourceRoute,
  request: ServerRequest,
): Promise<Answer> {
  const { definition, namespace, name, verb } = route;
  if (verb === 'get') return answer(scaleOf((await requireObject(context, route)).object));
  const isApply = verb === 'patch' && isApplyPatch(request);
  const options = writeOptionsOf(
    request.query,
    verb === 'patch' ? 'PatchOptions' : 'UpdateOptions',
    isApply ? 'apply' : undefined,
  );
  const write = await (isApply ? appliedScale : sentScale)(context, { route, request, options });
  const changed = await changeObject(context, {
    definition,
    namespace,
    name,
    subresource: 'scale',
    endpoint: 'main',
    user: request.user,
    dryRun: options.dryRun,
    warn: request.warn,
    tracked: true,
    change: (current) => withScale(current, write, route),
  });
  return answer(scaleOf(plain(changed)));
}

/** A write of a scale: what becomes of the one there is, with its managedFields. */
type ScaleWrite = (before: AnyObject) => AnyObject;

interface ScaleRequest {
  readonly route: ResourceRoute;
  readonly request: ServerRequest;
  readonly options: WriteOptions;
}

async function sentScale(context: ServerContext, { route, request, options }: ScaleRequest): Promise<ScaleWrite> {
  const strictness = { validation: options.fieldValidation, warn: request.warn };
  const patch = route.verb === 'patch' ? await patchOf(request) : undefined;
  const body = patch ? undefined : await context.bodies.object(request, kind, options.fieldValidation);
  if (body) checkName(body, route.name);
  const manager = managerOf(options.fieldManager, request.userAgent);
  return (live) => {
    const next = patch
      ? context.bodies.conform(applyPatch(patch, live, kind.schema), kind, strictness)
      : copyJson(body as AnyObject);
    delete next.metadata.managedFields;
    const update = { scope: scaleScope(), live, next, sent: undefined, manager, now: context.clock.now() };
    const fields = trackUpdate(update);
    return fields ? { ...next, metadata: { ...next.metadata, managedFields: fields } } : next;
  };
}

async function appliedScale(context: ServerContext, { request, options }: ScaleRequest): Promise<ScaleWrite> {
  const read = await readConfig(request);
  return (live) => {
    const applied = applyObject({
      scope: scaleScope(),
      live,
      config: read.config,
      manager: options.fieldManager,
      force: options.force === true,
      now: context.clock.now(),
      decode: (merged) => decodeObject(schemas.get(kind.schema), merged).object as AnyObject,
    });
    reportDuplicates(read, options.fieldValidation, request.warn);
    return applied;
  };
}

function withScale(current: AnyObject, write: ScaleWrite, { definition, name }: ResourceRoute): AnyObject {
  const { managedFields } = current.metadata;
  const apiVersion = apiVersionOf(definition);
  const paths: ReplicasPaths = new Map([[apiVersion, ['f:spec', 'f:replicas']]]);
  const before = scaleOf(current);
  const owned = scaleEntries(managedFields, paths);
  const wanted = write(owned ? { ...before, metadata: { ...before.metadata, managedFields: owned } } : before);
  const next = withReplicas(copyJson(current), wanted, name);
  const entries = parentEntries(managedFields, wanted.metadata.managedFields, { paths, apiVersion });
  if (entries) next.metadata.managedFields = entries;
  else delete next.metadata.managedFields;
  return next;
}

function answer(object: AnyObject): Answer {
  return { type: 'object', status: 200, object };
}

function plain(object: AnswerObject): AnyObject {
  return object instanceof StoredObject ? object.object : (object as AnyObject);
}

function withReplicas(current: AnyObject, wanted: AnyObject, name: string): AnyObject {
  const { resourceVersion, uid } = wanted.metadata;
  if (uid && uid !== current.metadata.uid)
    throw apiError(
      'Conflict',
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`,
    );
  const replicas = (wanted.spec?.replicas as number | undefined) ?? 0;
  if (replicas < 0) {
    const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
    throw invalid(kind, name, [{ reason: 'FieldValueInvalid', field: 'spec.replicas', message }]);
  }
  if (resourceVersion) current.metadata.resourceVersion = resourceVersion;
  current.spec = { ...current.spec, replicas };
  return current;
}

function scaleOf({ metadata, spec, status }: AnyObject): AnyObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  const selector = selectorText(spec?.selector);
  const replicas = spec?.replicas as number | undefined;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp } as AnyObject['metadata'],
    spec: replicas ? { replicas } : {},
    status: { replicas: status?.replicas ?? 0, ...(selector === '' ? {} : { selector }) },
  };
}

/** Replication controllers have a plain map, the others a selector object. */
function selectorText(selector: Record<string, unknown> | undefined): string {
  if (!selector) return '';
  const isObject = 'matchLabels' in selector || 'matchExpressions' in selector;
  return (isObject ? Selector.fromObject(selector) : Selector.fromSet(selector as Record<string, string>)).toString();
}
