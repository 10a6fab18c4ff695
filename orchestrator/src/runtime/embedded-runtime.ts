import type { Clock, Logger, Rng } from '@berth/kit';
import type { Mounter } from '@berth/linux';
import type { cri, ServiceClient } from '@berth/protos';
import type { ContainerStreams } from '../kubelet/container-runtime.ts';
import type { PodNetworkOptions } from '../network/pod-network.ts';
import type { ImageStore } from './image-source.ts';

export interface EmbeddedRuntimeOptions {
  /** Everything of this runtime lives under it (absolute); its bridge, cgroups and firewall rules are named for this path. */
  readonly stateDir: string;
  readonly images: ImageStore;
  readonly mounter: Mounter;
  readonly clock: Clock;
  readonly log: Logger;
  readonly network: PodNetworkOptions;
  readonly rng?: Rng;
  /** Ends the runtime's own work; containers go on. */
  readonly signal: AbortSignal;
}

/** CRI in this process: compose it with an image service to a `ContainerRuntime`. Disposing it leaves containers running. */
export interface EmbeddedRuntime extends AsyncDisposable {
  readonly runtime: ServiceClient<cri.RuntimeService>;
  readonly streams: ContainerStreams;
}
