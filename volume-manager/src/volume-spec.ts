import { type PersistentVolume, type PersistentVolumeClaim, type Pod, Quantity, type Volume } from '@berth/kube';

/** `kubernetes.io/csi/<driver>^<handle>` for what is shared by the node's pods, else plugin, pod and volume. */
export type UniqueVolumeName = string;

export type VolumeMode = 'Filesystem' | 'Block';

/** One volume of one pod, its claim followed to the PersistentVolume: what a plugin needs to make it appear. */
export interface VolumeSpec {
  readonly uniqueName: UniqueVolumeName;
  /** The plugin that mounts it: `kubernetes.io/empty-dir`. */
  readonly plugin: string;
  /** The name inside the pod. */
  readonly podVolumeName: string;
  /** The name of directories and events: the PV's, or the pod volume's where there is none. */
  readonly specName: string;
  readonly mode: VolumeMode;
  readonly readOnly: boolean;
  readonly pod: Pod;
  readonly podUid: string;
  /** The pod's volume: its source where no PV is behind it. */
  readonly volume: Volume;
  readonly pv: PersistentVolume | undefined;
  readonly pvc: PersistentVolumeClaim | undefined;
  /** Has a node-wide stage before pods get it. */
  readonly deviceMountable: boolean;
  /** The attach-detach controller has to attach it to this node first. */
  readonly attachable: boolean;
}

/** The driver and the volume's handle at that driver, of a CSI volume from a PV. */
export function csiSource(spec: VolumeSpec): { driver: string; handle: string } | undefined {
  const source = spec.pv?.spec?.csi;
  return source ? { driver: source.driver, handle: source.volumeHandle } : undefined;
}

/** Tells that the driver needs no node for it: `volume.kubernetes.io/node-expansion-not-required` (external-resizer). */
const notRequired = 'volume.kubernetes.io/node-expansion-not-required';

/**
 * The capacity of the PV, where it has outgrown what the claim's status says: the node has to grow what is on it.
 * While the controller's part is under way, or the node's was infeasible, it is not the node's turn (node_expander.go).
 */
export function expansionOf(spec: VolumeSpec): string | undefined {
  const turn = spec.pvc?.status?.allocatedResourceStatuses?.['storage'];
  if (turn !== undefined && turn !== 'NodeResizePending' && turn !== 'NodeResizeInProgress') return undefined;
  if (spec.pvc?.metadata.annotations?.[notRequired] !== undefined) return undefined;
  const wanted = spec.pv?.spec?.capacity?.['storage'];
  const has = spec.pvc?.status?.capacity?.['storage'];
  if (wanted === undefined || has === undefined || String(wanted) === String(has)) return undefined;
  return Quantity.parse(String(wanted)).compare(Quantity.parse(String(has))) > 0 ? String(wanted) : undefined;
}

export function uidOf(pod: Pod): string {
  return pod.metadata.uid ?? '';
}
