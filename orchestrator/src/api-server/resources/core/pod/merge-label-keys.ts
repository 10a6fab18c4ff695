import { ownMember } from '@berth/kit';
import type { LabelSelector, PodAffinityTerm, PodSpec } from '@berth/kube';

type Labels = Readonly<Record<string, string>>;
type Operator = 'In' | 'NotIn';

/** Makes of a new pod's matchLabelKeys and mismatchLabelKeys what they mean in its selectors (pod strategy, KEP-3633 and KEP-3243). */
export function mergeLabelKeys({ affinity, topologySpreadConstraints = [] }: PodSpec, labels: Labels = {}): void {
  for (const { labelSelector, matchLabelKeys } of topologySpreadConstraints)
    extend(labelSelector, labels, matchLabelKeys, 'In');
  for (const side of [affinity?.podAffinity, affinity?.podAntiAffinity]) {
    for (const term of side?.requiredDuringSchedulingIgnoredDuringExecution ?? []) extendTerm(term, labels);
    for (const { podAffinityTerm } of side?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
      extendTerm(podAffinityTerm, labels);
  }
}

function extendTerm(
  { labelSelector, matchLabelKeys, mismatchLabelKeys }: Partial<PodAffinityTerm> = {},
  labels: Labels,
): void {
  extend(labelSelector, labels, matchLabelKeys, 'In');
  extend(labelSelector, labels, mismatchLabelKeys, 'NotIn');
}

function extend(
  selector: LabelSelector | undefined,
  labels: Labels,
  keys: readonly string[] | undefined,
  operator: Operator,
): void {
  if (!selector) return;
  for (const key of keys ?? []) {
    const value = ownMember(labels, key);
    if (value === undefined) continue;
    selector.matchExpressions ??= [];
    selector.matchExpressions.push({ key, operator, values: [value] });
  }
}
