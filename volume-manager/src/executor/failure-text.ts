import type { Pod } from '@berth/kube';
import type { Operation } from '../reconcile/operation.ts';

/** What kubelet calls the failed step (upstream operation_generator.go). */
function step(operation: Operation): string {
  const block = ('spec' in operation ? operation.spec.mode : operation.actual.mode) === 'Block';
  switch (operation.kind) {
    case 'mount-device':
      return block ? 'MapVolume.SetUpDevice failed' : 'MountVolume.MountDevice failed';
    case 'mount-pod':
      return block ? 'MapVolume.MapPodDevice failed' : 'MountVolume.SetUp failed';
    case 'expand-volume':
      return 'MountVolume.NodeExpandVolume failed';
    case 'unmount-pod':
      return block ? 'UnmapVolume.UnmapPodDevice failed' : 'UnmountVolume.TearDown failed';
    case 'unmount-device':
      return block ? 'UnmapDevice.TearDownDevice failed' : 'UnmountDevice failed';
  }
}

/** The line of the log: the step, the volume, what stood in the way. */
export function failureText(operation: Operation, problem: string): string {
  const specName = 'spec' in operation ? operation.spec.specName : operation.actual.specName;
  return `${step(operation)} for volume "${specName}" : ${problem}`;
}

/** The event on the pod; unmounts have none, as in kubelet. */
export function failureEvent(
  operation: Operation,
  problem: string,
): { about: Pod; reason: string; message: string } | undefined {
  // A failed expansion tells about itself, with the claim.
  if (!('spec' in operation) || operation.kind === 'expand-volume') return undefined;
  const reason = operation.spec.mode === 'Block' ? 'FailedMapVolume' : 'FailedMount';
  return { about: operation.spec.pod, reason, message: failureText(operation, problem) };
}
