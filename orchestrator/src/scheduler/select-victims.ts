import { type Pod, type PodDisruptionBudget, Selector } from '@berth/kube';
import type { Reasons } from './filters.ts';
import type { Fitting } from './fitting.ts';
import type { NodeInfo } from './node-info.ts';
import { byImportance, priorityOf } from './pod-importance.ts';

/** Pods of a node whose going makes room, most important first. */
export interface Victims {
  readonly node: string;
  readonly pods: readonly Pod[];
  /** How many of them a budget would rather keep. */
  readonly violations: number;
}

export interface VictimRules {
  readonly budgets: readonly PodDisruptionBudget[];
  readonly now: number;
}

/**
 * The fewest and least important pods that have to go from a node for the pod to fit there: all less important ones go, then come back as
 * long as it still fits, those first that budgets protect, and the most important ones before others (defaultpreemption SelectVictimsOnNode).
 */
export function selectVictims(
  fitting: Fitting,
  node: NodeInfo,
  { budgets, now }: VictimRules,
): Victims | { readonly reasons: Reasons } {
  const priority = priorityOf(fitting.pod);
  if (!node.hasPodsBelow(priority)) return { reasons: ['No preemption victims found for incoming pod'] };
  const lesser = [...node.pods].filter((pod) => priorityOf(pod) < priority).sort(byImportance(now));
  using trial = fitting.trial(node);
  for (const pod of lesser) trial.remove(pod);
  const fit = fitting.on(trial.info, trial.gone);
  if ('reasons' in fit) return fit;
  const mustGo = (pod: Pod) => {
    trial.restore(pod);
    if ('decision' in fitting.on(trial.info, trial.gone)) return false;
    trial.remove(pod);
    return true;
  };
  const [kept, others] = byBudget(lesser, budgets);
  const violating = kept.filter(mustGo);
  const pods = [...violating, ...others.filter(mustGo)].sort(byImportance(now));
  return { node: node.name, pods, violations: violating.length };
}

/** Pods, in their order, whose going would exceed a budget, and the others (filterPodsWithPDBViolation). */
function byBudget(pods: readonly Pod[], budgets: readonly PodDisruptionBudget[]): [violating: Pod[], others: Pod[]] {
  const left = budgets.map((budget) => ({
    budget,
    selector: Selector.fromObject(budget.spec?.selector),
    allowed: budget.status?.disruptionsAllowed ?? 0,
  }));
  const [violating, others]: [Pod[], Pod[]] = [[], []];
  for (const pod of pods) {
    const { namespace, name = '', labels = {} } = pod.metadata;
    let violates = false;
    for (const each of left) {
      const { budget, selector } = each;
      if (budget.metadata.namespace !== namespace || Object.keys(labels).length === 0) continue;
      // An empty selector is for no pod here, unlike with evictions; one that the API server lets go already costs nothing.
      if (!selector.requirements?.length || !selector.matches(labels) || budget.status?.disruptedPods?.[name]) continue;
      each.allowed--;
      violates ||= each.allowed < 0;
    }
    (violates ? violating : others).push(pod);
  }
  return [violating, others];
}
