import { Selector } from '@berth/kube';
import { scaleKind, writeScale } from '../apply/write-scale.ts';
import { invalid } from '../invalid.ts';
import type { AnyObject } from '../resource-definition.ts';
import { conflict } from '../resource-errors.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, AnswerObject, ServerRequest } from '../server-request.ts';
import { StoredObject } from '../stored-object.ts';
import { requireObject } from '../verbs/get-object.ts';

/** GET, PUT and PATCH of the number of replicas as an autoscaling/v1 Scale. */
export async function serveScale(
  context: ServerContext,
  route: ResourceRoute,
  request: ServerRequest,
): Promise<Answer> {
  if (route.verb === 'get') return answer(scaleOf((await requireObject(context, route)).object));
  const { group, plural } = route.definition;
  const resource = { group, plural: `${plural}/scale` };
  const scaling = { scaleOf, take: (object: AnyObject, scale: AnyObject) => takeReplicas(resource, object, scale) };
  return answer(scaleOf(plain(await writeScale(context, { route, request, scaling }))));
}

function answer(object: AnyObject): Answer {
  return { type: 'object', status: 200, object };
}

function plain(object: AnswerObject): AnyObject {
  return object instanceof StoredObject ? object.object : (object as AnyObject);
}

function takeReplicas(
  resource: { readonly group: string; readonly plural: string },
  object: AnyObject,
  scale: AnyObject,
): void {
  const { resourceVersion, uid } = scale.metadata;
  const { name = '', uid: own } = object.metadata;
  if (uid && uid !== own)
    throw conflict(resource, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${own}`);
  const replicas = (scale.spec?.replicas as number | undefined) ?? 0;
  if (replicas < 0) {
    const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
    throw invalid(scaleKind, name, [{ reason: 'FieldValueInvalid', field: 'spec.replicas', message }]);
  }
  if (resourceVersion) object.metadata.resourceVersion = resourceVersion;
  object.spec = { ...object.spec, replicas };
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
