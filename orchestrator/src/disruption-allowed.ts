import { rfc3339 } from '@berth/kit';
import type { Condition, PodDisruptionBudget } from '@berth/kube';

export type BudgetStatus = NonNullable<PodDisruptionBudget['status']>;

const type = 'DisruptionAllowed';

/** What a budget says of whether a pod may go. */
export function disruptionAllowed(status: BudgetStatus | undefined): Condition | undefined {
  return status?.conditions?.find((each) => each.type === type);
}

/** How a count comes to be told (component-helpers UpdateDisruptionAllowedCondition). */
export function toldBy(allowed: number): Pick<Condition, 'status' | 'reason'> {
  return allowed > 0 ? { status: 'True', reason: 'SufficientPods' } : { status: 'False', reason: 'InsufficientPods' };
}

/** The status's conditions with this one; its time is that of the last change of status (apimachinery SetStatusCondition). */
export function withDisruptionAllowed(
  budget: BudgetStatus,
  told: Pick<Condition, 'status' | 'reason'> & { readonly message?: string },
  now: number,
): Condition[] {
  const { conditions = [], observedGeneration } = budget;
  const old = disruptionAllowed(budget);
  const next = {
    type,
    message: '',
    ...told,
    lastTransitionTime: (old?.status === told.status && old.lastTransitionTime) || rfc3339(now),
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
  };
  return old ? conditions.map((each) => (each === old ? next : each)) : [...conditions, next];
}
