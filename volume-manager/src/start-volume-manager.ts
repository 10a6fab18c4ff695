import type { Clock, Logger, Rng } from '@berth/kit';
import type { EventRecorder, Informers, KubeClient } from '@berth/kube';
import type { Mounter } from '@berth/linux';
import type { CsiPlugins } from './csi/csi-plugins.ts';
import type { OperationRecord } from './executor/executor.ts';
import { NodeVolumes } from './node-volumes.ts';
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
  /** Every finished operation, for metrics. */
  readonly observe?: (record: OperationRecord) => void;
  /** The node's allocatable resources, for downwardAPI limits that a container does not set. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/**
 * Reconstructs what is mounted, then follows the pods it is told of. Disposing stops it and leaves every mount.
 * Resolves once claims, volumes and drivers were read from the API server.
 */
export async function startVolumeManager(options: VolumeManagerOptions, signal: AbortSignal): Promise<VolumeManager> {
  const volumes = new NodeVolumes(options, signal);
  await volumes.start(signal);
  return volumes;
}
