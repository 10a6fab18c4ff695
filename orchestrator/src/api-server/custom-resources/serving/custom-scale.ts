import { apiError, copyJson } from '@berth/kube';
import { applyPatch } from '../../apply-patch.ts';
import { invalid } from '../../invalid.ts';
import { patchOf } from '../../patch-body.ts';
import type { AnyObject } from '../../resource-definition.ts';
import type { ResourceRoute } from '../../route.ts';
import type { ServerContext } from '../../server-context.ts';
import type { Answer, AnswerObject, ServerRequest } from '../../server-request.ts';
import { StoredObject } from '../../stored-object.ts';
import { changeObject } from '../../verbs/change-object.ts';
import { requireObject } from '../../verbs/get-object.ts';
import { checkName } from '../../verbs/update-object.ts';
import { writeOptionsOf } from '../../write-options.ts';
import type { ScaleFields } from '../custom-resource.ts';
import { isRecord, setMember } from '../values/json-record.ts';
import { nestedNumber, nestedText } from './nested-values.ts';

const kind = { group: 'autoscaling', version: 'v1', kind: 'Scale', schema: 'io.k8s.api.autoscaling.v1.Scale' };

/** GET, PUT and PATCH of a custom resource's replicas as an autoscaling/v1 Scale (customresource ScaleREST). */
export async function serveCustomScale(
  context: ServerContext,
  route: ResourceRoute,
  request: ServerRequest,
  fields: ScaleFields,
): Promise<Answer> {
  const { definition, namespace, name, verb } = route;
  const missing = apiError(
    'InternalError',
    `Internal error occurred: the spec replicas field ${JSON.stringify(fields.specReplicasPath)} does not exist`,
  );
  if (verb === 'get') {
    const { object } = await requireObject(context, route);
    if (nestedNumber(object, fields.specReplicas).value === undefined) throw missing;
    return answer(scaleOf(object, fields));
  }
  const options = writeOptionsOf(request.query, verb === 'patch' ? 'PatchOptions' : 'UpdateOptions');
  const strictness = { validation: options.fieldValidation, warn: request.warn };
  const patch = verb === 'patch' ? await patchOf(request) : undefined;
  const body = patch ? undefined : await context.bodies.object(request, kind, options.fieldValidation);
  if (body) checkName(body, name);
  const change = (current: AnyObject) => {
    const wanted = patch
      ? context.bodies.conform(applyPatch(patch, scaleOf(current, fields), kind.schema), kind, strictness)
      : (body as AnyObject);
    return withReplicas(current, wanted, fields);
  };
  const changed = await changeObject(context, {
    definition,
    namespace,
    name,
    subresource: 'scale',
    endpoint: 'main',
    user: request.user,
    dryRun: options.dryRun,
    warn: request.warn,
    change,
  });
  return answer(scaleOf(plain(changed), fields));
}

function answer(object: AnyObject): Answer {
  return { type: 'object', status: 200, object };
}

function plain(object: AnswerObject): AnyObject {
  return object instanceof StoredObject ? object.object : (object as AnyObject);
}

/** @throws ApiError Conflict, Invalid */
function withReplicas(current: AnyObject, { metadata, spec }: AnyObject, fields: ScaleFields): AnyObject {
  if (metadata.uid && metadata.uid !== current.metadata.uid)
    throw apiError(
      'Conflict',
      `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${current.metadata.uid}`,
    );
  const replicas = (spec?.replicas as number | undefined) ?? 0;
  if (replicas < 0) {
    const message = `Invalid value: ${replicas}: should be a non-negative integer`;
    const field = fields.specReplicasPath;
    throw invalid(kind, current.metadata.name ?? '', [{ reason: 'FieldValueInvalid', field, message }]);
  }
  const next = copyJson(current);
  if (metadata.resourceVersion) next.metadata.resourceVersion = metadata.resourceVersion;
  setNested(next, fields.specReplicas, replicas);
  return next;
}

function setNested(object: AnyObject, path: readonly string[], value: unknown): void {
  let at: Record<string, unknown> = object;
  for (const name of path.slice(0, -1)) {
    const below = Object.hasOwn(at, name) ? at[name] : {};
    if (!isRecord(below))
      throw apiError('BadRequest', `value cannot be set because .${path.join('.')} is not a map[string]interface{}`);
    setMember(at, name, below);
    at = below;
  }
  setMember(at, path.at(-1) as string, value);
}

function scaleOf(object: AnyObject, { specReplicas, statusReplicas, labelSelector }: ScaleFields): AnyObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = nestedNumber(object, specReplicas).value ?? 0;
  const selector = labelSelector ? (nestedText(object, labelSelector).value ?? '') : '';
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp } as AnyObject['metadata'],
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: nestedNumber(object, statusReplicas).value ?? 0, ...(selector === '' ? {} : { selector }) },
  };
}
