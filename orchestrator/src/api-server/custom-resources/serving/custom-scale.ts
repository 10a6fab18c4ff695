import { apiError, isRecord, setOwn } from '@berth/kube';
import { writeScale } from '../../apply/write-scale.ts';
import { invalid } from '../../invalid.ts';
import type { AnyObject, ResourceDefinition } from '../../resource-definition.ts';
import type { ResourceRoute } from '../../route.ts';
import type { ServerContext } from '../../server-context.ts';
import type { Answer, AnswerObject, ServerRequest } from '../../server-request.ts';
import { StoredObject } from '../../stored-object.ts';
import { requireObject } from '../../verbs/get-object.ts';
import type { ScaleFields } from '../custom-resource.ts';
import { nestedNumber, nestedText } from './nested-values.ts';

/** GET, PUT and PATCH of a custom resource's replicas as an autoscaling/v1 Scale (customresource ScaleREST). */
export async function serveCustomScale(
  context: ServerContext,
  route: ResourceRoute,
  request: ServerRequest,
  fields: ScaleFields,
): Promise<Answer> {
  const message = `the spec replicas field ${JSON.stringify(fields.specReplicasPath)} does not exist`;
  const missing = apiError('InternalError', `Internal error occurred: ${message}`, {
    details: { causes: [{ message }] },
  });
  if (route.verb === 'get') {
    const { object } = await requireObject(context, route);
    if (nestedNumber(object, fields.specReplicas).value === undefined) throw missing;
    return answer(scaleOf(object, fields));
  }
  const scaling = {
    scaleOf: (object: AnyObject) => scaleOf(object, fields),
    take: (object: AnyObject, scale: AnyObject) =>
      takeReplicas(object, scale, { fields, definition: route.definition }),
  };
  const changed = await writeScale(context, { route, request, scaling });
  return answer(scaleOf(plain(changed), fields));
}

function answer(object: AnyObject): Answer {
  return { type: 'object', status: 200, object };
}

function plain(object: AnswerObject): AnyObject {
  return object instanceof StoredObject ? object.object : (object as AnyObject);
}

/** @throws ApiError Conflict, Invalid */
function takeReplicas(
  current: AnyObject,
  { metadata, spec }: AnyObject,
  { fields, definition }: { readonly fields: ScaleFields; readonly definition: ResourceDefinition },
): void {
  if (metadata.uid && metadata.uid !== current.metadata.uid)
    throw apiError(
      'Conflict',
      `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${current.metadata.uid}`,
    );
  const replicas = (spec?.replicas as number | undefined) ?? 0;
  if (replicas < 0) {
    const message = `Invalid value: ${replicas}: should be a non-negative integer`;
    const field = fields.specReplicasPath;
    throw invalid(definition, current.metadata.name ?? '', [{ reason: 'FieldValueInvalid', field, message }]);
  }
  if (metadata.resourceVersion) current.metadata.resourceVersion = metadata.resourceVersion;
  setNested(current, fields.specReplicas, replicas);
}

function setNested(object: AnyObject, path: readonly string[], value: unknown): void {
  let at: Record<string, unknown> = object;
  for (const name of path.slice(0, -1)) {
    const below = Object.hasOwn(at, name) ? at[name] : {};
    if (!isRecord(below))
      throw apiError('BadRequest', `value cannot be set because .${path.join('.')} is not a map[string]interface{}`);
    setOwn(at, name, below);
    at = below;
  }
  setOwn(at, path.at(-1) as string, value);
}

function scaleOf(object: AnyObject, { specReplicas, statusReplicas, labelSelector }: ScaleFields): AnyObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = Number(nestedNumber(object, specReplicas).value ?? 0);
  const selector = labelSelector ? (nestedText(object, labelSelector).value ?? '') : '';
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name,
      ...(namespace && { namespace }),
      uid,
      resourceVersion,
      creationTimestamp,
    } as AnyObject['metadata'],
    spec: replicas === 0 ? {} : { replicas },
    status: {
      replicas: Number(nestedNumber(object, statusReplicas).value ?? 0),
      ...(selector === '' ? {} : { selector }),
    },
  };
}
