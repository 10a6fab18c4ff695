import type { Clock, Logger, Rng } from '@berth/kit';
import type { EventRecorder, Informers, KubeClient } from '@berth/kube';
import type { Mounter } from '@berth/linux';
import type { CsiPlugins } from './csi/csi-plugins.ts';
import type { VolumeManager } from './volume-manager.ts';

export interface VolumeManagerOptions {
  readonly nodeName: string;
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly mounter: Mounter;
  /** Root of `pods/`, `plugins/` and `plugins_registry/`; an absolute path without symlinks. */
  readonly kubeletDir: string;
  readonly csi: CsiPlugins;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly events: EventRecorder;
  /** `volumesInUse()` has another answer: the node's status should be written soon. */
  readonly onVolumesInUseChange?: () => void;
  /** The node's allocatable resources, for downwardAPI limits that a container does not set. */
  readonly allocatable?: () => Readonly<Record<string, string>>;
}

/** Reconstructs what is mounted, then follows the pods it is told of. Disposing stops it and leaves every mount. */
export async function startVolumeManager(_options: VolumeManagerOptions, _signal: AbortSignal): Promise<VolumeManager> {
  throw new Error('the volume manager is not wired yet');
}
