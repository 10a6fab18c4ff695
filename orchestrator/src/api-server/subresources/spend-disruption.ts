import { rfc3339 } from '@berth/kit';
import { type ApiError, apiError, type PodDisruptionBudget, Selector } from '@berth/kube';
import { type BudgetStatus, disruptionAllowed, toldBy, withDisruptionAllowed } from '../../disruption-allowed.ts';
import type { AnyObject } from '../resource-definition.ts';
import { forbidden } from '../resource-errors.ts';
import type { ServerContext } from '../server-context.ts';
import { editStored } from './edit-stored.ts';

/** So many evictions may wait for the controller of budgets (MaxDisruptedPodSize). */
const maxDisrupted = 2000;

/**
 * Takes one disruption from the budget that covers the pod, if one does (EvictionREST checkAndDecrement). Of a pod that is not healthy
 * nothing may have to be taken: then the name of the budget, and the pod has to be evicted as it is.
 * @throws ApiError TooManyRequests – there is none left; Unknown – several cover it.
 */
export async function spendDisruption(
  context: ServerContext,
  pod: AnyObject,
  dryRun: boolean,
): Promise<string | undefined> {
  const definition = context.registry.ofResource('policy', 'poddisruptionbudgets');
  if (!definition) return undefined;
  const { namespace = '', name: podName = '', labels } = pod.metadata;
  const { objects } = await context.storage(definition).range({ namespace });
  const [covering, another] = objects.filter(({ object }) =>
    Selector.fromObject(object['spec']?.selector).matches(labels),
  );
  if (another) {
    const why = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw apiError('Unknown', why, { code: 500 });
  }
  if (!covering) return undefined;
  const name = covering.object.metadata.name as string;
  if (!isReady(pod) && mayGoUnhealthy(covering.object as PodDisruptionBudget)) return name;
  const edit = (object: AnyObject) => {
    const budget = object as PodDisruptionBudget & AnyObject;
    const refusal = refusalOf(budget, name);
    if (refusal) throw refusal;
    budget.status = spent(budget.status as BudgetStatus, podName, context.clock.now());
  };
  await editStored(context, { definition, namespace, name, dryRun, edit });
  return undefined;
}

function isReady({ status }: AnyObject): boolean {
  return status?.conditions?.some(
    (each: { type: string; status: string }) => each.type === 'Ready' && each.status === 'True',
  );
}

/** KEP-3017: where the budget says so, or where it is met without the pod. */
function mayGoUnhealthy({ spec, status }: PodDisruptionBudget): boolean {
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

function refusalOf({ metadata, status }: PodDisruptionBudget, name: string): ApiError | undefined {
  const { observedGeneration = 0, disruptionsAllowed = 0, disruptedPods = {} } = status ?? {};
  if (observedGeneration < (metadata.generation ?? 0)) return beingProcessed(name);
  const resource = { group: 'policy', plural: 'poddisruptionbudget' };
  if (disruptionsAllowed < 0) return forbidden(resource, name, 'pdb disruptions allowed is negative');
  if (Object.keys(disruptedPods).length > maxDisrupted) {
    const why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    return forbidden(resource, name, why);
  }
  return disruptionsAllowed === 0 ? refused(noneLeft(status, name)) : undefined;
}

function noneLeft(status: BudgetStatus | undefined, name: string): string {
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  const said = disruptionAllowed(status);
  const why = said?.status === 'False' && said.message ? said : undefined;
  if (why?.reason === 'SyncFailed')
    return `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${why.message}`;
  if (currentHealthy <= desiredHealthy)
    return `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  const more = why ? ` (${why.reason}): ${why.message}` : '';
  return `The disruption budget ${name} does not allow evicting pods currently${more}`;
}

/** The pod counts as gone until the controller of budgets has seen that it went. */
function spent(status: BudgetStatus, pod: string, now: number): BudgetStatus {
  const disruptionsAllowed = (status.disruptionsAllowed ?? 0) - 1;
  const disruptedPods = { ...status.disruptedPods, [pod]: rfc3339(now) };
  const told = toldBy(disruptionsAllowed);
  const conditions = disruptionsAllowed === 0 ? withDisruptionAllowed(status, told, now) : status.conditions;
  return { ...status, disruptionsAllowed, disruptedPods, ...(conditions ? { conditions } : {}) };
}

/** The answer where the budget, or the pod, is not known as it is now. */
export function beingProcessed(name: string): ApiError {
  return refused(`The disruption budget ${name} is still being processed by the server.`, 10);
}

function refused(message: string, retryAfterSeconds?: number): ApiError {
  const causes = [{ reason: 'DisruptionBudget', message }];
  return apiError('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    details: { causes, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) },
  });
}
