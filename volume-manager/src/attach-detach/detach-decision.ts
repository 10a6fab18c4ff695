import type { Node } from '@berth/kube';

export type DetachDecision =
  | { readonly detach: true; readonly forced?: 'timeout' | 'out-of-service' }
  /** The node still uses the volume; look again after this time, or when the node changes. */
  | { readonly detach: false; readonly afterMs?: number };

/** Upstream's ReconcilerMaxWaitForUnmountDuration. */
const maxWaitForUnmountMs = 6 * 60_000;

/** Whether a volume that no pod on the node wants may be detached (upstream attachdetach reconciler.go). */
export function decideDetach(node: Node | undefined, volumeName: string | undefined, waitedMs: number): DetachDecision {
  if (!node || volumeName === undefined || !node.status?.volumesInUse?.includes(volumeName)) return { detach: true };
  if (node.spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/out-of-service')) {
    return { detach: true, forced: 'out-of-service' };
  }
  const ready = node.status.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  if (ready) return { detach: false };
  return waitedMs >= maxWaitForUnmountMs
    ? { detach: true, forced: 'timeout' }
    : { detach: false, afterMs: maxWaitForUnmountMs - waitedMs };
}
