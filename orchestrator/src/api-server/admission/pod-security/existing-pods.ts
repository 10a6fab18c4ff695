import type { Clock } from '@berth/kit';
import { controllerOf, type Pod } from '@berth/kube';
import { reasonsText, violationsOf } from './evaluate.ts';
import { type LevelVersion, levelText } from './policy.ts';

/** Upstream's: a label is not to wait for a namespace of any size. */
const mostPods = 3000;
const mostMs = 1000;

/** Warnings about the pods that stand already when a namespace asks more of them (admission EvaluatePodsInNamespace). */
export function existingPodWarnings(
  pods: readonly Pod[],
  { namespace, enforce, clock }: { readonly namespace: string; readonly enforce: LevelVersion; readonly clock: Clock },
): string[] {
  const found = new Map<string, { first: string; count: number }>();
  const end = clock.monotonicMs() + mostMs;
  let checked = 0;
  for (const { metadata, spec } of onePerController(pods).slice(0, mostPods)) {
    const { name = '' } = metadata;
    const text = spec ? reasonsText(violationsOf(enforce, { annotations: metadata.annotations ?? {}, spec })) : '';
    const seen = found.get(text);
    if (text !== '')
      found.set(text, { first: seen && seen.first < name ? seen.first : name, count: (seen?.count ?? 0) + 1 });
    checked++;
    if (clock.monotonicMs() > end) break;
  }
  const level = levelText(enforce);
  return [
    ...(checked < pods.length
      ? [`new PodSecurity enforce level only checked against the first ${checked} of ${pods.length} existing pods`]
      : []),
    ...(found.size > 0
      ? [`existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${level}"`]
      : []),
    ...[...found].map(([text, { first, count }]) => `${first}${others(count - 1)}: ${text}`).sort(),
  ];
}

/** Pods of one controller are alike: the first of each before the rest. */
function onePerController(pods: readonly Pod[]): Pod[] {
  const known = new Set<string>();
  const isFirst = (pod: Pod) => {
    const uid = controllerOf(pod)?.uid;
    if (uid === undefined) return true;
    return !known.has(uid) && known.add(uid) !== undefined;
  };
  const { first = [], rest = [] } = Object.groupBy(pods, (pod) => (isFirst(pod) ? 'first' : 'rest'));
  return [...first, ...rest];
}

function others(count: number): string {
  if (count === 0) return '';
  return count === 1 ? ' (and 1 other pod)' : ` (and ${count} other pods)`;
}
