import type { Taint, Toleration } from '@berth/kube';
import { tolerates } from '../../pod-placement.ts';

/**
 * How long a pod may stay on a node with these NoExecute taints: for ever (undefined), or the least of what the toleration that
 * is the first for each of them says (tainteviction getMinTolerationTime).
 */
export function stayMs(tolerations: readonly Toleration[] = [], taints: readonly Taint[]): number | undefined {
  const used = taints.map((taint) => tolerations.find((one) => tolerates([one], taint)));
  if (used.includes(undefined)) return 0;
  const seconds = used.flatMap((one) => one?.tolerationSeconds ?? []);
  return seconds.length === 0 ? undefined : Math.max(0, Math.min(...seconds) * 1000);
}
