import type { OwnerReference } from '@berth/kube';

/** Where and how CSIStorageCapacity objects are kept. */
export interface CapacitySettings {
  readonly namespace: string;
  /** How often the driver is asked without a reason. */
  readonly pollIntervalMs: number;
  /** Also for classes that do not wait for a node; no scheduler looks at those. */
  readonly forImmediateBinding: boolean;
  /** They go with it. */
  readonly owner?: OwnerReference;
}

/** What a user may set; the names and defaults are external-provisioner's flags. */
export interface ProvisionerSettings {
  readonly volumeNamePrefix: string;
  /** Characters of the claim's UID in a volume's name; negative: the whole UID with its dashes. */
  readonly volumeNameUuidLength: number;
  readonly defaultFsType: string;
  readonly strictTopology: boolean;
  readonly immediateTopology: boolean;
  readonly extraCreateMetadata: boolean;
  readonly controllerPublishReadonly: boolean;
  readonly timeoutMs: number;
  readonly retryIntervalStartMs: number;
  readonly retryIntervalMaxMs: number;
  readonly workers: number;
  /** Set where one provisioner runs beside every node's driver: it serves claims of this node only. */
  readonly nodeName?: string;
  /** Directory for records of calls under way, so that a crash never leaves a volume nobody knows of. */
  readonly journalDir?: string;
  /** Tells schedulers how much room there is. Absent: they are not told. */
  readonly capacity?: CapacitySettings;
}

export const defaultSettings: ProvisionerSettings = {
  volumeNamePrefix: 'pvc',
  volumeNameUuidLength: -1,
  defaultFsType: '',
  strictTopology: false,
  immediateTopology: true,
  extraCreateMetadata: false,
  controllerPublishReadonly: false,
  timeoutMs: 10_000,
  retryIntervalStartMs: 1000,
  retryIntervalMaxMs: 300_000,
  workers: 100,
};
