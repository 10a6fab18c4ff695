import type { Endpoints } from '@berth/kube';

/** Endpoints that candidates for leadership write, which are no Service's (client-go resourcelock LeaderElectionRecordAnnotationKey). */
export function isOfElection({ metadata: { annotations } }: Endpoints): boolean {
  return annotations?.['control-plane.alpha.kubernetes.io/leader'] !== undefined;
}
