import { type PodSpec, Quantity, type ResourceRequirements } from '@berth/kube';
import { parseQuantity } from '../../quantity.ts';

type Class = 'Guaranteed' | 'Burstable' | 'BestEffort';
const compute = ['cpu', 'memory'] as const;

/** How a pod is treated under pressure, by its CPU and memory requests and limits (helper/qos.ComputePodQOS). */
export function qosClass(spec: PodSpec): Class {
  const all = spec.resources
    ? [spec.resources]
    : [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ resources }) => resources ?? {});
  const requests = sums(all, 'requests');
  const limits = sums(all, 'limits');
  if (requests.size === 0 && limits.size === 0) return 'BestEffort';
  const allLimited = all.every(({ limits: own }) => compute.every((name) => amount(own?.[name]).sign > 0));
  const equal = requests.size === limits.size && [...requests].every(([name, sum]) => limits.get(name)?.equals(sum));
  return allLimited && equal ? 'Guaranteed' : 'Burstable';
}

function sums(all: readonly ResourceRequirements[], kind: 'requests' | 'limits'): Map<string, Quantity> {
  const result = new Map<string, Quantity>();
  for (const requirements of all)
    for (const name of compute) {
      const value = amount(requirements[kind]?.[name]);
      if (value.sign > 0) result.set(name, (result.get(name) ?? Quantity.zero).add(value));
    }
  return result;
}

function amount(quantity: string | undefined): Quantity {
  return quantity === undefined ? Quantity.zero : parseQuantity(quantity);
}
