import { controllerOf, type OwnerReference, type Pod, type PodDisruptionBudget } from '@berth/kube';
import type { ControllerScale } from './controller-scales.ts';

export interface Expected {
  readonly expectedPods: number;
  readonly desiredHealthy: number;
  /** Whether some pods that had to be reckoned with have no controller that says how many there are to be. */
  readonly hasUnmanaged: boolean;
}

type ScaleOf = (owner: OwnerReference, namespace: string) => Promise<ControllerScale | undefined>;

/**
 * How many pods there are to be, and how many of them healthy (pkg/controller/disruption getExpectedPodCount): a share, or a number that may be
 * missing, is one of what the pods' controllers are to have. @throws Error – a controller is not there, or does not say.
 */
export async function expectedPods(
  { spec: { minAvailable, maxUnavailable } = {} }: PodDisruptionBudget,
  pods: readonly Pod[],
  scaleOf: ScaleOf,
): Promise<Expected> {
  if (maxUnavailable === undefined && typeof minAvailable !== 'string')
    return {
      expectedPods: minAvailable === undefined ? 0 : pods.length,
      desiredHealthy: minAvailable ?? 0,
      hasUnmanaged: false,
    };
  const { sum, hasUnmanaged } = await sumOfScales(pods, scaleOf);
  const desiredHealthy =
    maxUnavailable === undefined ? scaled(minAvailable, sum) : Math.max(0, sum - scaled(maxUnavailable, sum));
  return { expectedPods: sum, desiredHealthy, hasUnmanaged };
}

async function sumOfScales(pods: readonly Pod[], scaleOf: ScaleOf): Promise<{ sum: number; hasUnmanaged: boolean }> {
  const scales = new Map<string, number>();
  let hasUnmanaged = false;
  for (const pod of pods) {
    const owner = controllerOf(pod);
    if (!owner) hasUnmanaged = true;
    if (!owner || scales.has(owner.uid)) continue;
    const scale = await scaleOf(owner, pod.metadata.namespace ?? '');
    if (!scale) throw new Error(`found no controllers for pod "${pod.metadata.name}"`);
    scales.set(scale.uid, scale.replicas);
  }
  return { sum: [...scales.values()].reduce((sum, replicas) => sum + replicas, 0), hasUnmanaged };
}

/** A share is rounded up (intstr GetScaledValueFromIntOrPercent); what it may look like is validated. */
function scaled(value: number | string = 0, total: number): number {
  return typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * total) / 100);
}
