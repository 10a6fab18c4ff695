import type { Pod, PodDisruptionBudget } from '@berth/kube';
import { semanticEqual } from '../../api-server/resources/equality.ts';
import { type BudgetStatus, disruptionAllowed, toldBy, withDisruptionAllowed } from '../../disruption-allowed.ts';
import { isReady, isTerminating } from '../statefulset/pod-state.ts';
import type { Expected } from './expected-pods.ts';

/** So long an evicted pod is taken for one that will be deleted (DeletionTimeout). */
const deletionTimeoutMs = 120_000;

export interface Reckoned {
  /** Undefined where the budget says all of it already. */
  readonly status: BudgetStatus | undefined;
  /** When the first of the evicted pods is waited for no longer. */
  readonly recheckMs: number | undefined;
  /** Pods that were evicted and not deleted. */
  readonly overdue: readonly Pod[];
}

/** What a budget says of its pods (pkg/controller/disruption trySync, updatePdbStatus). */
export function reckon(
  { metadata: { generation }, status = {} }: PodDisruptionBudget,
  pods: readonly Pod[],
  { expectedPods, desiredHealthy }: Expected,
  now: number,
): Reckoned {
  const evicted = pods.filter((pod) => !isTerminating(pod)).map((pod) => ({ pod, leftMs: leftMs(status, pod, now) }));
  const awaited = evicted.filter(({ leftMs }) => leftMs !== undefined && leftMs > 0);
  const goes = new Set(awaited.map(({ pod }) => pod));
  const currentHealthy = evicted.filter(({ pod }) => isReady(pod) && !goes.has(pod)).length;
  // A budget without pods allows nothing, for the first of them may come before they are counted.
  const disruptionsAllowed = expectedPods > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0;
  const names = awaited.map(({ pod }) => pod.metadata.name ?? '');
  const disruptedPods = Object.fromEntries(names.map((name) => [name, status.disruptedPods?.[name] as string]));
  const next: BudgetStatus = {
    currentHealthy,
    desiredHealthy,
    disruptionsAllowed,
    expectedPods,
    ...(awaited.length > 0 ? { disruptedPods } : {}),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  const told = toldBy(disruptionsAllowed);
  const { conditions, ...old } = status;
  const condition = disruptionAllowed(status);
  const isTold = condition?.status === told.status && condition.reason === told.reason && semanticEqual(old, next);
  const withConditions = { ...next, ...(conditions ? { conditions } : {}) };
  return {
    status: isTold ? undefined : { ...next, conditions: withDisruptionAllowed(withConditions, told, now) },
    recheckMs: awaited.length > 0 ? Math.min(...awaited.map(({ leftMs }) => leftMs as number)) : undefined,
    overdue: evicted.filter(({ leftMs }) => leftMs !== undefined && leftMs <= 0).map(({ pod }) => pod),
  };
}

/** What nobody could reckon allows nothing (failSafe). */
export function failedStatus({ status = {} }: PodDisruptionBudget, message: string, now: number): BudgetStatus {
  const told = { status: 'False', reason: 'SyncFailed', message };
  return { ...status, disruptionsAllowed: 0, conditions: withDisruptionAllowed(status, told, now) };
}

/** How long an evicted pod is still waited for; undefined: it was not evicted. */
function leftMs(
  { disruptedPods = {} }: BudgetStatus,
  { metadata: { name = '' } }: Pod,
  now: number,
): number | undefined {
  const since = Object.hasOwn(disruptedPods, name) ? disruptedPods[name] : undefined;
  return since === undefined ? undefined : Date.parse(since) + deletionTimeoutMs - now;
}
