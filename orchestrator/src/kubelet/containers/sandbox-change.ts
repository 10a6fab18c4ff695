import type { Pod } from '@berth/kube';
import type { RuntimePod } from '../pods/runtime-pod.ts';

export interface SandboxChange {
  /** A sandbox has to be made; an older one, if any, is killed first. */
  readonly create: boolean;
  readonly attempt: number;
  /** The newest sandbox there is, or ''. */
  readonly sandboxId: string;
}

/** Whether the pod can go on in its newest sandbox (kuberuntime/util PodSandboxChanged). */
export function sandboxChange(pod: Pod, { sandboxes }: RuntimePod): SandboxChange {
  const [newest] = sandboxes;
  if (!newest) return { create: true, attempt: 0, sandboxId: '' };
  const again = { create: true, attempt: newest.attempt + 1, sandboxId: newest.id };
  if (sandboxes.filter(({ ready }) => ready).length > 1 || !newest.ready) return again;
  const hostNetwork = pod.spec?.hostNetwork ?? false;
  if (newest.hostNetwork !== hostNetwork) return { ...again, sandboxId: '' };
  if (!hostNetwork && newest.ips.length === 0) return again;
  return { create: false, attempt: newest.attempt, sandboxId: newest.id };
}
