import type { Toleration } from '@berth/kube';
import { type AdmissionPlugin, isResource } from './admission.ts';

/** Upstream's default: a pod is not moved away from a node that is silent for less than five minutes. */
const tolerationSeconds = 300;
const taints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const;

/** Pods tolerate a node that is not ready or not reachable for a while (admission DefaultTolerationSeconds). */
export const defaultTolerationSeconds: AdmissionPlugin = (request) => {
  const writes = request.operation === 'create' || request.operation === 'update';
  if (!writes || !isResource(request, '', 'pods')) return;
  const spec = request.object.spec as { tolerations?: Toleration[] };
  const have = spec.tolerations ?? [];
  const missing = taints.filter((key) => !have.some((toleration) => tolerates(toleration, key)));
  if (missing.length === 0) return;
  const added = missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds }));
  spec.tolerations = [...have, ...added] as Toleration[];
};

function tolerates({ key, effect }: Toleration, taint: string): boolean {
  return (!key || key === taint) && (!effect || effect === 'NoExecute');
}
