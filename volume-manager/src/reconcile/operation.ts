import type { ActualDevice, ActualPodVolume } from '../actual-world/actual-volume.ts';
import type { VolumeSpec } from '../volume-spec.ts';

/** One side effect that brings a volume's actual state nearer to the desired one. */
export type Operation =
  | { readonly kind: 'unmount-pod'; readonly actual: ActualPodVolume }
  | { readonly kind: 'unmount-device'; readonly actual: ActualDevice }
  | { readonly kind: 'mount-device'; readonly spec: VolumeSpec }
  | { readonly kind: 'expand-volume'; readonly spec: VolumeSpec }
  | { readonly kind: 'mount-pod'; readonly spec: VolumeSpec };

/** Names an operation among those of its volume: the key of its back-off. */
export function operationKey(operation: Operation): string {
  switch (operation.kind) {
    case 'unmount-pod':
      return `${operation.kind}/${operation.actual.podUid}`;
    case 'mount-pod':
      return `${operation.kind}/${operation.spec.podUid}`;
    default:
      return operation.kind;
  }
}
