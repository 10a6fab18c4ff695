import type { Clock, Logger, Rng } from '@berth/kit';
import type { PodNetwork } from '../network/pod-network.ts';
import type { CgroupLayout } from './cgroups.ts';
import type { ImageStore } from './image-source.ts';
import type { ContainerPrograms, OciRuntime } from './oci-runtime.ts';
import type { RuntimeEvents } from './runtime-events.ts';
import type { StateLayout } from './state-layout.ts';

/** What sandboxes and containers of one runtime work with. */
export interface RuntimeContext {
  readonly layout: StateLayout;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly images: ImageStore;
  readonly network: PodNetwork;
  readonly cgroups: CgroupLayout;
  /** Cgroup directories for processes that outlive us; none where nobody ends ours by its cgroup. */
  readonly survivorCgroups: readonly string[];
  readonly programs: ContainerPrograms;
  readonly oci: OciRuntime;
  readonly events: RuntimeEvents;
  /** Changes when the machine starts: no process, namespace or mount of another boot is left. */
  readonly bootId: string;
}

/** 64 hexadecimal digits, as every CRI runtime's ids. */
export function newId(rng: Rng): string {
  return `${rng.uuid()}${rng.uuid()}`.replaceAll('-', '');
}

/** CRI's timestamps are nanoseconds. */
export function nanoseconds(epochMs: number | undefined): string {
  return epochMs === undefined ? '0' : String(BigInt(Math.round(epochMs * 1000)) * 1000n);
}
