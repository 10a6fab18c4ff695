import type { ActualVolume } from '../actual-world/actual-volume.ts';
import { expansionOf, type VolumeSpec } from '../volume-spec.ts';
import type { Operation } from './operation.ts';

/** What wants one volume, and what the rest of the world allows to do with it. */
export interface DesiredVolume {
  /** By pod uid. */
  readonly pods: ReadonlyMap<string, VolumeSpec>;
  /** Every pod source was seen: what no pod wants may go. */
  readonly mayUnmount: boolean;
  /** A pod that lives but whose volumes are not all known keeps what it has. */
  readonly isHeld: (podUid: string) => boolean;
  /** Attached to this node and reported as in use, or never in need of it. */
  readonly isAttached: boolean;
}

/**
 * The operations that may start now for one volume, none of them depending on another's success; empty when all is as wanted.
 * Order (kubelet's reconciler): unmounts before mounts, the device last down and first up.
 */
export function plan(desired: DesiredVolume, actual: ActualVolume | undefined): Operation[] {
  const unmounts = desired.mayUnmount ? planUnmounts(desired, actual) : [];
  if (desired.pods.size === 0) return unmounts.length > 0 ? unmounts : planUnstage(desired, actual);
  return desired.isAttached ? [...unmounts, ...planMounts(desired, actual)] : unmounts;
}

function planUnmounts(desired: DesiredVolume, actual: ActualVolume | undefined): Operation[] {
  return [...(actual?.pods.values() ?? [])]
    .filter((pod) => !desired.pods.has(pod.podUid) && !desired.isHeld(pod.podUid))
    .map((pod) => ({ kind: 'unmount-pod', actual: pod }) as const);
}

/** Unstaging waits for the last pod: also for one that is held, and for every unmount that failed. */
function planUnstage(desired: DesiredVolume, actual: ActualVolume | undefined): Operation[] {
  if (!desired.mayUnmount || !actual?.device || actual.pods.size > 0) return [];
  return [{ kind: 'unmount-device', actual: actual.device }];
}

function planMounts(desired: DesiredVolume, actual: ActualVolume | undefined): Operation[] {
  const specs = [...desired.pods.values()];
  const first = specs.find((spec) => spec.deviceMountable);
  if (first && actual?.device?.state !== 'done') return [{ kind: 'mount-device', spec: first }];
  const waiting = specs.filter((spec) => needsMount(actual, spec));
  return [...planExpansion(specs, actual), ...waiting.map((spec) => ({ kind: 'mount-pod', spec }) as const)];
}

/** Before pods get the volume, so that they see its new size; where growing fails they get it as it is. */
function planExpansion(specs: readonly VolumeSpec[], actual: ActualVolume | undefined): Operation[] {
  const wanting = specs.find((spec) => spec.deviceMountable && !spec.readOnly && expansionOf(spec) !== undefined);
  if (!wanting || !actual?.device || actual.device.expandedTo === expansionOf(wanting)) return [];
  return [{ kind: 'expand-volume', spec: wanting }];
}

function needsMount(actual: ActualVolume | undefined, spec: VolumeSpec): boolean {
  const mounted = actual?.pods.get(spec.podUid);
  return mounted?.state !== 'done' || mounted.refresh;
}
