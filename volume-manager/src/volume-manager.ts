import type { Pod } from '@berth/kube';

/** How one volume of a pod is given to its containers. */
export type MountedVolume =
  | { readonly kind: 'filesystem'; readonly hostPath: string; readonly readOnly: boolean }
  | { readonly kind: 'block'; readonly devicePath: string; readonly readOnly: boolean };

/** One container's mount, ready for the runtime: subPath resolved safely, mode and propagation decided. */
export interface ContainerMount {
  readonly containerPath: string;
  /** A path no pod can redirect: for subPath a bind mount made from an fd walked without following symlinks. */
  readonly hostPath: string;
  readonly readOnly: boolean;
  readonly recursiveReadOnly: boolean;
  readonly propagation: 'None' | 'HostToContainer' | 'Bidirectional';
}

export interface ContainerDevice {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readOnly: boolean;
}

/** How many volumes one plugin has in one of the two worlds. */
export interface VolumeTotal {
  readonly plugin: string;
  readonly state: 'actual_state_of_world' | 'desired_state_of_world';
  readonly count: number;
}

/**
 * Keeps the volumes of a node's pods mounted while wanted and gone afterwards: kubelet's volume manager.
 * The desired world comes from `setPods`, the actual one from the kernel's mount table.
 */
export interface VolumeManager extends AsyncDisposable {
  /** The pods that may run here, after every source was seen once. Volumes of pods not in it are unmounted. */
  setPod(pod: Pod): void;
  /** The pod's containers have ended: its volumes may go. */
  removePod(uid: string): void;
  /**
   * Every pod source was seen: from now on what no pod wants may be unmounted (kubelet: never before). Pods in `undecided` may
   * still have containers that run: each keeps what it has until `setPod` or `removePod` tells of it.
   */
  podsSynced(undecided?: Iterable<string>): void;
  /**
   * Resolves when all volumes of the pod are mounted.
   * @throws Error – the deadline (2m03s) passed; the message is kubelet's:
   * `unmounted volumes=[www], unattached volumes=[], failed to process volumes=[]: …`.
   */
  waitForMount(pod: Pod, signal: AbortSignal): Promise<ReadonlyMap<string, MountedVolume>>;
  /** Resolves when nothing of the pod is mounted any more, and what it was the last to use is unstaged. */
  waitForUnmount(uid: string, signal: AbortSignal): Promise<void>;
  /** Mounts and devices of one container (regular, init or ephemeral) of a pod whose volumes are mounted. */
  containerVolumes(
    pod: Pod,
    containerName: string,
    /** The container's environment, for `subPathExpr`; without it, what the pod itself says of it. */
    env?: Readonly<Record<string, string>>,
  ): Promise<{ mounts: readonly ContainerMount[]; devices: readonly ContainerDevice[] }>;
  /** How many mounts of pods there are, and how many are to be, by plugin (`volume_manager_total_volumes`). */
  totals(): readonly VolumeTotal[];
  /** Unique volume names for `node.status.volumesInUse` (attachable ones, before they are mounted until after they are unmounted). */
  volumesInUse(): readonly string[];
  /** Device paths for `node.status.volumesAttached` come from the attach-detach controller; this is told when the node object changes. */
  nodeStatusChanged(
    volumesAttached: readonly { readonly name: string; readonly devicePath: string }[],
    /** `node.status.volumesInUse` as the server has it: where given, nothing attachable is mounted before it is listed there. */
    volumesInUse?: readonly string[],
  ): void;
}
