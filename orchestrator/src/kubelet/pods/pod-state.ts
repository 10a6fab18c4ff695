import type { Pod } from '@berth/kube';
import type { PodProber } from '../probes/pod-prober.ts';
import type { WaitingReason } from '../status/container-statuses.ts';
import type { PendingResize, PodResize, PodVerdict } from '../status/pod-status.ts';
import type { RuntimePod } from './runtime-pod.ts';

/** What the worker of one pod knows; all of it can be derived again from the API and the runtime. */
export interface PodState {
  readonly uid: string;
  /** With the resources it was given, which its spec may have left behind. */
  pod: Pod;
  seen: RuntimePod;
  /** The kubelet ended this pod itself. */
  verdict: PodVerdict | undefined;
  /** Why containers could not be started at the last try, by name. */
  readonly waiting: Map<string, WaitingReason>;
  /** Running containers have other bounds than their spec asks for. */
  resize: PodResize | undefined;
  /** The node has no room for what its spec asks for now. */
  pending: PendingResize | undefined;
  readonly prober: PodProber;
}
