import { rfc3339 } from '@berth/kit';
import { type ApiError, apiError } from '@berth/kube';
import { invalid } from '../invalid.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { writeOptionsOf } from '../write-options.ts';
import { admitAction } from './admit-action.ts';
import { editStored } from './edit-stored.ts';
import { success } from './success.ts';

const kind = { group: '', version: 'v1', kind: 'Binding', schema: 'io.k8s.api.core.v1.Binding' };

/** POST of a Binding: the scheduler's decision which node a pod runs on (registry/core/pod BindingREST). */
export async function bindPod(context: ServerContext, route: ResourceRoute, request: ServerRequest): Promise<Answer> {
  const options = writeOptionsOf(request.query, 'CreateOptions');
  const { dryRun } = options;
  const binding = await context.bodies.object(request, kind, options.fieldValidation);
  const name = route.name || (binding.metadata.name ?? '');
  if (route.name && binding.metadata.name !== name)
    throw apiError('BadRequest', `name in URL does not match name in Binding object`);
  await admitAction(context, { route, request }, { object: binding, name, options });
  const target = binding['target'] as { kind?: string; name?: string } | undefined;
  checkTarget(name, target);
  const definition = context.registry.ofResource('', 'pods');
  if (!definition) throw apiError('NotFound', 'the server could not find the requested resource', { details: {} });
  const now = rfc3339(context.clock.now());
  const edit = (pod: AnyObject) => assign(pod, { binding, node: target?.name as string, now });
  await editStored(context, { definition, namespace: route.namespace, name, dryRun, edit });
  return success();
}

function checkTarget(name: string, target: { kind?: string; name?: string } | undefined): void {
  if (target?.kind && target.kind !== 'Node') {
    const message = `Unsupported value: ${JSON.stringify(target.kind)}: supported values: "Node", "<empty>"`;
    throw invalid(kind, name, [{ reason: 'FieldValueNotSupported', field: 'target.kind', message }]);
  }
  if (!target?.name)
    throw invalid(kind, name, [{ reason: 'FieldValueRequired', field: 'target.name', message: 'Required value' }]);
}

/** @throws ApiError Conflict – the pod can't be given to that node. */
function assign(pod: AnyObject, { binding, node, now }: { binding: AnyObject; node: string; now: string }): void {
  const { metadata } = pod;
  const { uid, resourceVersion, annotations } = binding.metadata;
  if (uid && uid !== metadata.uid)
    throw refused(pod, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`);
  if (resourceVersion && resourceVersion !== metadata.resourceVersion)
    throw refused(pod, 'the object has been modified; please apply your changes to the latest version and try again');
  if (metadata.deletionTimestamp)
    throw refused(pod, `pod ${metadata.name} is being deleted, cannot be assigned to a host`);
  if (pod.spec.nodeName)
    throw refused(pod, `pod ${metadata.name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`);
  if (pod.spec.schedulingGates?.length) throw refused(pod, `pod ${metadata.name} has non-empty .spec.schedulingGates`);
  pod.spec.nodeName = node;
  if (annotations) metadata.annotations = { ...metadata.annotations, ...annotations };
  // The nomination has come true (KEP-5278).
  const { nominatedNodeName: _, ...status } = pod.status ?? {};
  pod.status = { ...status, conditions: scheduledCondition(pod.status?.conditions ?? [], now) };
}

function scheduledCondition(conditions: readonly AnyObject[], now: string): object[] {
  const scheduled = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: now };
  const others = conditions.filter((each) => each['type'] !== 'PodScheduled');
  return [...others, scheduled];
}

function refused({ metadata }: AnyObject, why: string): ApiError {
  return apiError(
    'Conflict',
    `Operation cannot be fulfilled on pods/binding ${JSON.stringify(metadata.name)}: ${why}`,
    {
      details: { name: metadata.name ?? '', kind: 'pods/binding' },
    },
  );
}
