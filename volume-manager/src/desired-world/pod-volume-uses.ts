import type { Pod } from '@berth/kube';

/** Names of the volumes that containers of a pod mount, and of those they get as devices. Others are never mounted. */
export function podVolumeUses(pod: Pod): {
  readonly mounts: ReadonlySet<string>;
  readonly devices: ReadonlySet<string>;
} {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec ?? { containers: [] };
  const all = [...containers, ...initContainers, ...ephemeralContainers];
  return {
    mounts: new Set(all.flatMap((container) => (container.volumeMounts ?? []).map((mount) => mount.name))),
    devices: new Set(all.flatMap((container) => (container.volumeDevices ?? []).map((device) => device.name))),
  };
}
