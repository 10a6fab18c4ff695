import { rfc3339 } from '@berth/kit';
import { apiError, type PodCondition, Selector } from '@berth/kube';
import { type DeleteOptions, deleteOptionsOf } from '../delete-options.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { checkPreconditions, deleteChecked } from '../verbs/delete-object.ts';
import { requireObject } from '../verbs/get-object.ts';
import { writeOptionsOf } from '../write-options.ts';
import { admitAction } from './admit-action.ts';
import { editStored } from './edit-stored.ts';
import { success } from './success.ts';

const kind = { group: 'policy', version: 'v1', kind: 'Eviction', schema: 'io.k8s.api.policy.v1.Eviction' };

/** POST of an Eviction: a deletion that respects disruption budgets (registry/core/pod EvictionREST). */
export async function evictPod(context: ServerContext, route: ResourceRoute, request: ServerRequest): Promise<Answer> {
  const { definition, namespace, name } = route;
  const written = writeOptionsOf(request.query, 'CreateOptions');
  const { dryRun } = written;
  const eviction = await context.bodies.anyVersion(request, kind);
  if (eviction.metadata.name !== name)
    throw apiError('BadRequest', 'name in URL does not match name in Eviction object');
  eviction.metadata.namespace ??= namespace;
  await admitAction(context, { route, request }, { object: eviction, name, options: written });
  const given = { ...request, body: { type: 'value', value: eviction['deleteOptions'] } } as const;
  const options = await deleteOptionsOf(given, context.bodies);
  const { object: pod } = await requireObject(context, route);
  if (!mayGoUnasked(pod)) await spendBudget(context, pod, dryRun || options.dryRun);
  const wanted = { ...options, dryRun: dryRun || options.dryRun };
  const deletion = wanted.dryRun ? wanted : await tellDisruption(context, route, wanted);
  await deleteChecked(context, {
    definition,
    namespace,
    name,
    user: request.user,
    admitted: true,
    options: deletion,
  });
  return success();
}

/** Says in the pod that it was evicted, before it is deleted: Jobs tell such ends from failures (addConditionAndDeletePod). */
async function tellDisruption(
  context: ServerContext,
  { definition, namespace, name }: ResourceRoute,
  options: DeleteOptions,
): Promise<DeleteOptions> {
  const type = 'DisruptionTarget';
  const edit = (pod: AnyObject) => {
    checkPreconditions(definition, pod, options);
    const conditions: PodCondition[] = pod.status?.conditions ?? [];
    const old = conditions.find((condition) => condition.type === type);
    const evicting: PodCondition = {
      type,
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
      lastTransitionTime: (old?.status === 'True' && old.lastTransitionTime) || rfc3339(context.clock.now()),
    };
    const others = conditions.filter((condition) => condition !== old);
    pod.status = { ...pod.status, conditions: [...others, evicting] };
  };
  const marked = await editStored(context, { definition, namespace, name, dryRun: false, edit });
  if (options.preconditions.resourceVersion === undefined) return options;
  // What it says by now: this write is no reason to refuse the deletion.
  const { resourceVersion = '' } = ('object' in marked ? marked.object : marked).metadata as AnyObject['metadata'];
  return {
    ...options,
    preconditions: { ...options.preconditions, resourceVersion: resourceVersion },
  };
}

/** Pods that have ended, or not begun, or are going already disturb nobody. */
function mayGoUnasked({ metadata, status }: AnyObject): boolean {
  return ['Succeeded', 'Failed', 'Pending'].includes(status?.phase) || metadata.deletionTimestamp !== undefined;
}

/** Takes one disruption from the budget that covers the pod. @throws ApiError TooManyRequests – there is none left. */
async function spendBudget(context: ServerContext, pod: AnyObject, dryRun: boolean): Promise<void> {
  const definition = context.registry.ofResource('policy', 'poddisruptionbudgets');
  if (!definition) return;
  const { namespace = '', name: podName = '', labels } = pod.metadata;
  const { objects } = await context.storage(definition).range({ namespace });
  const covering = objects.filter(({ object }) => Selector.fromObject(object.spec?.selector).matches(labels));
  if (covering.length > 1)
    throw apiError(
      'InternalError',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  const name = covering[0]?.object.metadata.name;
  if (name === undefined) return;
  const now = rfc3339(context.clock.now());
  const edit = (budget: AnyObject) => {
    const { status = {}, metadata } = budget;
    if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0))
      throw refused(`The disruption budget ${name} is still being processed by the server.`, 10);
    if ((status.disruptionsAllowed ?? 0) <= 0)
      throw refused(
        `The disruption budget ${name} needs ${status.desiredHealthy ?? 0} healthy pods and has ${status.currentHealthy ?? 0} currently`,
      );
    const disruptedPods = { ...status.disruptedPods, [podName]: now };
    budget.status = { ...status, disruptionsAllowed: status.disruptionsAllowed - 1, disruptedPods };
  };
  await editStored(context, { definition, namespace, name, dryRun, edit });
}

function refused(message: string, retryAfterSeconds?: number) {
  const causes = [{ reason: 'DisruptionBudget', message }];
  return apiError('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    details: { causes, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) },
  });
}
