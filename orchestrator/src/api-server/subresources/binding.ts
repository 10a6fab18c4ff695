import { rfc3339 } from '@berth/kit';
import { type ApiError, apiError } from '@berth/kube';
import { ensureNamespace } from '../object-rules.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { anotherObject } from '../resource-errors.ts';
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
  ensureNamespace(binding, true, route.namespace);
  const name = route.name || (binding.metadata.name ?? '');
  if (route.name && binding.metadata.name !== name)
    throw apiError('BadRequest', `name in URL does not match name in Binding object`);
  await admitAction(context, { route, request }, { object: binding, name, options });
  const target = binding['target'] as Target | undefined;
  checkTarget(target);
  if (name === '') throw apiError('BadRequest', 'Name parameter required.');
  const definition = context.registry.ofResource('', 'pods');
  if (!definition) throw apiError('NotFound', 'the server could not find the requested resource', { details: {} });
  const key = context.storage(definition).keyOf(route.namespace, name);
  const now = rfc3339(context.clock.now());
  const edit = (pod: AnyObject) => {
    checkPreconditions(pod, { definition, key, wanted: binding.metadata });
    assign(pod, { binding, node: target?.name as string, now });
  };
  await editStored(context, { definition, namespace: route.namespace, name, dryRun, edit });
  return success();
}

interface Target {
  readonly kind?: string;
  readonly name?: string;
}

/** Upstream says so without a reason, as of a mistake of its own. */
function checkTarget({ kind: of = '', name = '' }: Target = {}): void {
  const wrong = [
    ...(of !== '' && of !== 'Node'
      ? [`target.kind: Unsupported value: ${JSON.stringify(of)}: supported values: "Node", "<empty>"`]
      : []),
    ...(name === '' ? ['target.name: Required value'] : []),
  ];
  if (wrong.length === 0) return;
  throw apiError('Unknown', wrong.length > 1 ? `[${wrong.join(', ')}]` : (wrong[0] as string), { code: 500 });
}

interface Preconditions {
  readonly definition: ResourceDefinition;
  readonly key: string;
  readonly wanted: AnyObject['metadata'];
}

/** @throws ApiError Conflict – it is another pod, or another revision of it, than the one that was meant. */
function checkPreconditions(
  { metadata: { name = '', ...have } }: AnyObject,
  { definition, key, wanted }: Preconditions,
): void {
  for (const field of ['uid', 'resourceVersion'] as const)
    if (wanted[field] && wanted[field] !== have[field])
      throw anotherObject(definition, { name, key, field, wanted: wanted[field], have: have[field] });
}

/** @throws ApiError Conflict – the pod can't be given to that node. */
function assign(pod: AnyObject, { binding, node, now }: { binding: AnyObject; node: string; now: string }): void {
  const { metadata } = pod;
  const { annotations, labels } = binding.metadata;
  if (metadata.deletionTimestamp)
    throw refused(pod, `pod ${metadata.name} is being deleted, cannot be assigned to a host`);
  if (pod.spec.nodeName)
    throw refused(pod, `pod ${metadata.name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`);
  if (pod.spec.schedulingGates?.length) throw refused(pod, `pod ${metadata.name} has non-empty .spec.schedulingGates`);
  pod.spec.nodeName = node;
  if (annotations) metadata.annotations = { ...metadata.annotations, ...annotations };
  if (labels) metadata.labels = { ...metadata.labels, ...labels };
  // The nomination has come true (KEP-5278).
  const { nominatedNodeName: _, ...status } = pod.status ?? {};
  pod.status = { ...status, conditions: scheduledCondition(pod.status?.conditions ?? [], now) };
}

function scheduledCondition(conditions: readonly AnyObject[], now: string): object[] {
  const scheduled = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: now };
  const isThere = conditions.some(({ type }) => type === 'PodScheduled');
  return isThere
    ? conditions.map((each) => (each['type'] === 'PodScheduled' ? scheduled : each))
    : [...conditions, scheduled];
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
