import type { Clock, Logger, Rng } from '@berth/kit';
import type { EventRecorder, Informers, KubeClient } from '@berth/kube';

/** What every volume controller works with. */
export interface VolumeControllerDeps {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly recorder: (component: string) => EventRecorder;
}
