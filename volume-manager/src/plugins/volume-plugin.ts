import type { ActualDevice, ActualPodVolume } from '../actual-world/actual-volume.ts';
import type { VolumeSpec } from '../volume-spec.ts';

export interface SetUpResult {
  /** The content has to be brought up to date after this time by another `setUp`. */
  readonly refreshAfterMs?: number;
}

/**
 * One kind of volume. All methods are idempotent and may be repeated after a crash at any point.
 * They throw VolumeError whose code says whether there was an effect; anything else they throw counts as uncertain.
 */
export interface VolumePlugin {
  readonly name: string;
  /** Makes the volume appear at {@link hostPath}; with `renew` it is there already, and its content is brought up to date. */
  setUp(spec: VolumeSpec, renew: boolean, signal: AbortSignal): Promise<SetUpResult>;
  /** Makes it and its directory go away, with what the disk says about it and no API object. */
  tearDown(actual: ActualPodVolume, signal: AbortSignal): Promise<void>;
  /** What containers get: a directory, or a device for a block volume. */
  hostPath(spec: VolumeSpec): string;
  /** Containers may only read it, whatever they ask. */
  readonly alwaysReadOnly?: boolean;
}

/** A kind of volume that is prepared once a node before pods get it. */
export interface DevicePlugin extends VolumePlugin {
  mountDevice(spec: VolumeSpec, signal: AbortSignal): Promise<void>;
  unmountDevice(actual: ActualDevice, signal: AbortSignal): Promise<void>;
  /** Grows a staged volume to its PV's size, where `publishedTo` is a pod that has it. @returns false where it is too early. */
  expand(spec: VolumeSpec, publishedTo: string | undefined, signal: AbortSignal): Promise<boolean>;
}

export function isDevicePlugin(plugin: VolumePlugin): plugin is DevicePlugin {
  return 'mountDevice' in plugin;
}
