import { apiError, Selector } from '@berth/kube';
import { applyPatch } from '../apply-patch.ts';
import { invalid } from '../invalid.ts';
import { patchOf } from '../patch-body.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, AnswerObject, ServerRequest } from '../server-request.ts';
import { StoredObject } from '../stored-object.ts';
import { changeObject } from '../verbs/change-object.ts';
import { requireObject } from '../verbs/get-object.ts';
import { checkName } from '../verbs/update-object.ts';
import { writeOptionsOf } from '../write-options.ts';

const kind = { group: 'autoscaling', version: 'v1', kind: 'Scale', schema: 'io.k8s.api.autoscaling.v1.Scale' };

/** GET, PUT and PATCH of the number of replicas as an autoscaling/v1 Scale. */
export async function serveScale(
  context: ServerContext,
  route: ResourceRoute,
  request: ServerRequest,
): Promise<Answer> {
  const { definition, namespace, name, verb } = route;
  if (verb === 'get') return answer(scaleOf((await requireObject(context, route)).object));
  const options = writeOptionsOf(request.query, verb === 'patch' ? 'PatchOptions' : 'UpdateOptions');
  const strictness = { validation: options.fieldValidation, warn: request.warn };
  const patch = verb === 'patch' ? await patchOf(request) : undefined;
  const body = patch ? undefined : await context.bodies.object(request, kind, options.fieldValidation);
  if (body) checkName(body, name);
  const change = (current: AnyObject) => {
    const wanted = patch
      ? context.bodies.conform(applyPatch(patch, scaleOf(current), kind.schema), kind, strictness)
      : (body as AnyObject);
    return withReplicas(current, wanted, name);
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
  return answer(scaleOf(plain(changed)));
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
