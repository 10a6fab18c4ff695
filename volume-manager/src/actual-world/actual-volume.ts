import type { UniqueVolumeName, VolumeMode } from '../volume-spec.ts';

/**
 * - `absent`: nothing there, nothing to undo.
 * - `uncertain`: a call may or may not have had its effect: undo it before forgetting, or repeat it until it is sure.
 * - `done`: mounted (or staged).
 */
export type MountState = 'absent' | 'uncertain' | 'done';

/** What must be known to undo a stage, all of it on disk. */
export interface ActualDevice {
  readonly state: MountState;
  readonly mode: VolumeMode;
  readonly driver: string;
  readonly handle: string;
  readonly specName: string;
  /** The PV's capacity, as written, that it was grown to. */
  readonly expandedTo?: string | undefined;
  /** Found at start: a final error says nothing about what an earlier process did. */
  readonly reconstructed: boolean;
}

/** What must be known to undo one pod's mount, all of it on disk. */
export interface ActualPodVolume {
  readonly state: MountState;
  readonly podUid: string;
  readonly plugin: string;
  readonly specName: string;
  readonly mode: VolumeMode;
  readonly reconstructed: boolean;
  /** Mounted, but its content has to be brought up to date (a changed ConfigMap, a token to renew, a republish). */
  readonly refresh: boolean;
}

/** What is there of one volume on this node. */
export interface ActualVolume {
  readonly name: UniqueVolumeName;
  readonly device: ActualDevice | undefined;
  readonly pods: ReadonlyMap<string, ActualPodVolume>;
}
