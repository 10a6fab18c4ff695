import type { Fd, MountInfo, PathFacts } from '@berth/linux';
import type { Place } from '../mounts/place.ts';
import type { MountFlags } from '../rules/mount-flags.ts';

/** Something the pool keeps. Ids come from the catalog and are safe as names. */
export interface Stored {
  readonly kind: 'volume' | 'snapshot';
  readonly id: string;
}

/** A volume as a backend has to know it. */
export interface VolumeSpec {
  readonly id: string;
  readonly capacityBytes: number;
  readonly parameters: Readonly<Record<string, string>>;
  readonly fsType?: string;
}

/** How content was taken over: `reflink` shares blocks and is one step, `copy` read and wrote all of it. */
export type CopiedBy = 'reflink' | 'copy' | 'snapshot';

/** Bytes and inodes of a volume. `total` and `available` are the pool's where the backend enforces no size. */
export interface VolumeUsage {
  readonly bytes: { readonly total: number; readonly available: number; readonly used: number };
  /** Absent for a block volume. */
  readonly inodes?: { readonly total: number; readonly available: number; readonly used: number };
}

export interface PoolCapacity {
  readonly totalBytes: number;
  readonly availableBytes: number;
}

/**
 * How a volume stands towards its writers, for snapshots of several volumes at one moment. `idle`: there are none.
 * `stoppable`: they can be made to wait. `atomic`: they go on, and a snapshot is of one moment. `moving`: neither.
 */
export type Stillness = 'idle' | 'stoppable' | 'atomic' | 'moving';

/** Something wrong with a volume, in the words of the spec (VolumeHealthEntry). */
export interface HealthFinding {
  readonly status: 'DEGRADED' | 'INACCESSIBLE' | 'DATA_LOSS';
  /** CamelCase, the same for the same condition. */
  readonly reason: string;
  readonly message: string;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Which blocks of snapshots hold data. Ranges rise, do not overlap, and are multiples of 4096 up to the end. */
export interface SnapshotBlocks {
  sizeOf(snapshotId: string): number;
  /** Ranges from `start` on that were ever written. */
  allocated(snapshotId: string, start: number, signal: AbortSignal): AsyncIterable<ByteRange>;
  /** Ranges from `start` on where the second may differ from the first; outside them they are equal. */
  changed(ids: readonly [base: string, target: string], start: number, signal: AbortSignal): AsyncIterable<ByteRange>;
}

/** What may be asked of a backend's volumes. Pure: nothing here looks at the pool. */
export interface Offer {
  readonly block: boolean;
  /** Values of fs_type besides the empty one. */
  readonly fsTypes: readonly string[];
  /** Parameters that may change while the volume lives; {@link Backend.modify} applies them. Absent for none. */
  readonly mutableParameters?: readonly string[];
  /** Why this fs_type cannot be had. */
  objectionToFsType(fsType: string): string;
  /** Why these mount flags cannot be had, without repeating them: they may hold secrets, and messages are logged. */
  objectionToFlags(mountFlags: readonly string[], fsType: string): string | undefined;
  /** @throws GrpcError INVALID_ARGUMENT – a parameter the backend does not know, or a value it cannot take. */
  checkParameters(parameters: Readonly<Record<string, string>>, fsType: string | undefined): void;
  /** The size a volume gets that is to have at least this: what the filesystem needs, in whole blocks. */
  sizeFor(requiredBytes: number, fsType: string | undefined): number;
}

/**
 * How volumes are kept. The services own idempotency, locks, limits and codes, so a backend only does the thing,
 * durably when it resolves, and so that it can be repeated after any crash.
 */
export interface Backend {
  readonly name: string;
  /** True where a volume cannot grow past its capacity; reported in the volume context. */
  readonly enforcesSize: boolean;
  /** True where a node has to follow when a volume grew. */
  readonly nodeExpansion: boolean;
  /** True where a volume without content appears whole or not at all, and {@link Backend.present} tells which. */
  readonly createsWhole: boolean;
  readonly offer: Offer;
  readonly node: NodeSide;
  /** Makes the volume, empty or from the content of another or of a snapshot. One that exists already is fine, where empty. */
  create(volume: VolumeSpec, from?: Stored, signal?: AbortSignal): Promise<CopiedBy | undefined>;
  /** Takes the content of a volume, which may be in use. @throws GrpcError FAILED_PRECONDITION – not while it is. */
  snapshot(snapshotId: string, volume: VolumeSpec, signal: AbortSignal): Promise<CopiedBy>;
  /** Takes it out of reach in one step; its data may go later, also after a restart. An absent one is fine. */
  delete(stored: Stored): Promise<void>;
  /** Absent where snapshots cannot be of one moment. `mounted` on this node, by whomever. */
  stillness?(id: string, mounted: boolean): Stillness;
  /** Makes the writers of a `stoppable` volume wait until disposed; all they wrote is on its disk. */
  stop?(id: string): Promise<AsyncDisposable>;
  /** Does what changed mutable parameters mean; the catalog has them after it. Absent where they only have to be known. */
  modify?(volume: VolumeSpec, before: VolumeSpec): Promise<void>;
  /** Looks at the machine once, and then tells what is wrong with any volume. */
  inspector?(): (volume: VolumeSpec) => HealthFinding[];
  /** Absent where volumes have no blocks. */
  readonly blocks?: SnapshotBlocks;
  /** Grows the volume to the capacity its spec has now. */
  expand(volume: VolumeSpec): Promise<void>;
  capacity(): Promise<PoolCapacity>;
  /** Removes a volume nobody wrote to, whose record a crash kept from the disk. @returns false where it holds data. */
  removeUnused?(stored: Stored): Promise<boolean>;
  /** What there is, by the pool alone: for a start to compare with the catalog. */
  present(): Stored[];
}

export interface StageRequest {
  readonly volume: VolumeSpec;
  readonly access: 'mount' | 'block';
  /** Asked in the capability; empty for the volume's own. */
  readonly fsType: string;
  /** As the capability has them. */
  readonly mountFlags: readonly string[];
  readonly flags: MountFlags;
  readonly place: Place;
}

/** Volumes of a backend on this node. */
export interface NodeSide {
  /** Mount options that every mount of a volume begins with. */
  readonly baseOptions: readonly string[];
  /** The volume a line of the mount table shows, also a deleted one's; undefined where it is none of this backend. */
  volumeOf(mount: MountInfo): string | undefined;
  /** How to know the volume by what statx says of a mount. @throws KernelError ENOENT – its data is not there. */
  recognizer(id: string): (facts: PathFacts) => boolean;
  /** Shows the volume at the place, or makes its device ready. The services saw that nothing is mounted there. */
  stage(request: StageRequest, signal: AbortSignal): Promise<void>;
  /** Undoes that; `unmount` takes the staging mounts off, where there are any. */
  unstage(id: string, unmount: () => void): Promise<void>;
  /** A handle to the block device. @throws GrpcError FAILED_PRECONDITION – it is not staged. */
  device?(id: string, readOnly: boolean): Fd;
  /** Makes what is staged as large as the volume has become. */
  expand(volume: VolumeSpec, signal: AbortSignal): Promise<void>;
  /** @throws GrpcError UNAVAILABLE – counting takes longer than a caller should wait; ask again. */
  usage(volume: VolumeSpec, mounted: Fd, signal: AbortSignal): Promise<VolumeUsage>;
}
