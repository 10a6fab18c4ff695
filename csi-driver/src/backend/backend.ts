import type { Fd } from '@berth/linux';

export interface VolumeSize {
  readonly capacityBytes: number;
}

/** Bytes and inodes of a volume. `total` and `available` are the pool's where the backend enforces no size. */
export interface VolumeUsage {
  readonly bytes: { readonly total: number; readonly available: number; readonly used: number };
  readonly inodes: { readonly total: number; readonly available: number; readonly used: number };
}

export interface PoolCapacity {
  readonly totalBytes: number;
  readonly availableBytes: number;
}

/**
 * How volumes are kept. Ids come from the catalog and are safe as names; the services own idempotency,
 * locks, limits and codes, so a backend only does the thing, durably and so that it can be repeated.
 */
export interface Backend {
  readonly name: string;
  /** True where a volume cannot grow past its capacity; reported in the volume context. */
  readonly enforcesSize: boolean;
  /** The filesystem volumes live on, by its names in a capability's fs_type; empty where it is not a known one. */
  readonly fsTypes: readonly string[];
  /** Makes the volume, durable when it resolves. One that exists already is fine. */
  create(id: string, size: VolumeSize): Promise<void>;
  /** Takes the volume out of reach in one step; its data may go later, also after a restart. An absent one is fine. */
  delete(id: string): Promise<void>;
  /** Grows the volume; `nodeExpansionRequired` where a node must follow. */
  expand(id: string, size: VolumeSize): Promise<{ readonly nodeExpansionRequired: boolean }>;
  /** A handle to the directory nodes bind. @throws KernelError ENOENT – the data is not there. */
  open(id: string): Fd;
  /** @throws GrpcError UNAVAILABLE – counting takes longer than a caller should wait; ask again. */
  usage(id: string, signal: AbortSignal): Promise<VolumeUsage>;
  capacity(): Promise<PoolCapacity>;
}
