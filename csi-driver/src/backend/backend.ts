import type { Fd, MountInfo, PathFacts } from '@berth/linux';
import type { Place } from '../mounts/place.ts';
import type { MountFlags } from '../rules/mount-flags.ts';
import type { Commitment } from './pool-ledger.ts';

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
  /** What is made says of itself, beside its data: bytes of the catalog's. */
  readonly record?: Uint8Array;
  /** What every node call gets back, and {@link Backend.describe} said among it. */
  readonly context?: Readonly<Record<string, string>>;
}

/** A volume that is about to be made. */
export interface NamedVolume {
  readonly id: string;
  /** The CO's: any text. */
  readonly name: string;
  readonly parameters: Readonly<Record<string, string>>;
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

export interface SnapshotComparison {
  readonly base: string;
  readonly target: string;
  readonly start: number;
  /** Whether blocks at different places may still be equal and are to be read: copies share no blocks. */
  readonly exact: boolean;
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
  /** Ranges where the target may differ from the base; outside them they are equal. */
  changed(comparison: SnapshotComparison, signal: AbortSignal): AsyncIterable<ByteRange>;
}

/** What may be asked of a backend's volumes. Pure: nothing here looks at the pool. */
export interface Offer {
  readonly block: boolean;
  /** True where several nodes may have a volume at once. */
  readonly multiNode?: boolean;
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
  /**
   * True where volumes are on a server that every node reaches, and that may be away: they have no topology, the
   * node side knows volumes of other drivers by their context, and no start waits for them.
   */
  readonly remote?: boolean;
  readonly offer: Offer;
  readonly node: NodeSide;
  /** Absent where what is made is this driver's alone. */
  readonly notes?: ServerNotes;
  /** What the context of a new volume says of where it is. `remarks` are all parameters of the request. @throws GrpcError INVALID_ARGUMENT. */
  describe?(volume: NamedVolume, remarks: Readonly<Record<string, string>>): Record<string, string>;
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
  /**
   * Takes the volume down to the capacity its spec has now, also while it is used. Absent where volumes do not shrink.
   * @returns what it holds, where that is more: then nothing changed.
   */
  shrink?(volume: VolumeSpec, signal: AbortSignal): Promise<number | undefined>;
  /** For volumes of these parameters, where it depends on them. */
  capacity(parameters?: Readonly<Record<string, string>>): Promise<PoolCapacity>;
  /** What the pool owes such a volume. Absent: all of its size where sizes are enforced, else nothing. */
  commitment?(parameters: Readonly<Record<string, string>>): Commitment;
  /** What a volume takes on the disk now, at a glance; undefined where that takes a walk, or it is gone. */
  usedBytes?(id: string): number | undefined;
  /** Keeps what a volume or snapshot says of itself beside its data, as {@link VolumeSpec.record}. Absent: it says nothing. */
  putRecord?(stored: Stored, record: Uint8Array): void;
  /** Removes a volume nobody wrote to, whose record a crash kept from the disk. @returns false where it holds data. */
  removeUnused?(stored: Stored): Promise<boolean>;
  /** What there is, by the pool alone: for a start to compare with the catalog. */
  present(): Stored[];
}

/** Where to look for a note whose id does not say it: the parameters of a class of the same backend. */
export interface NotedAt {
  readonly parameters?: Readonly<Record<string, string>>;
}

export interface NotesWanted {
  readonly most: number;
  readonly isKnown: (id: string) => boolean;
}

/** A note as it was found: anybody may have written it. */
export interface NotedVolume {
  readonly bytes: Uint8Array;
  readonly at: NotedAt;
  /** Whether the note of this volume would be there. */
  readonly isOf: (id: string) => boolean;
}

export interface NotesPage {
  readonly notes: readonly NotedVolume[];
  /** Where there may be more; a page may be empty and yet not the last. */
  readonly next: string | undefined;
}

/**
 * What is noted of volumes and snapshots on their server itself, so that every instance of the driver knows them, whichever
 * made them. {@link Backend.delete} takes a note away, as its last step.
 */
export interface ServerNotes {
  /** The id of something new with this name: it says on which server it is, where there is room for that. */
  idFor(name: string, context: Readonly<Record<string, string>>): string;
  /** Notes it, or what changed: the last step of making or changing it. */
  put(stored: Stored, context: Readonly<Record<string, string>>, record: Uint8Array): Promise<void>;
  /**
   * What is noted, unchecked; for an id that does not say where, on the share that `parameters` name.
   * @returns undefined where neither says where.
   * @throws GrpcError UNAVAILABLE – the server does not answer; FAILED_PRECONDITION – it has no such share.
   */
  find(stored: Stored, at: NotedAt, signal: AbortSignal): Promise<Uint8Array | undefined> | undefined;
  /** What is noted of volumes that use the place a context speaks of already; of a few at most, and unchecked. */
  ofPlace(context: Readonly<Record<string, string>>, signal: AbortSignal): Promise<readonly Uint8Array[]>;
  /** Which of these volumes are noted no more; those of a server that does not answer are not among them. */
  missing(ids: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>>;
  /**
   * Volumes noted where this driver ever put something, without those that are known, unchecked; in the servers' own order,
   * a part of a directory a call. What does not answer is left out.
   * @param from – {@link NotesPage.next} of the page before.
   * @throws GrpcError ABORTED – `from` is none of these, or a server has forgotten it.
   */
  page(from: string | undefined, wanted: NotesWanted, signal: AbortSignal): Promise<NotesPage>;
  /** Whether a note found so may have this context: others can write to a share too. */
  isCredible(id: string, context: Readonly<Record<string, string>>, at: NotedAt): boolean;
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

export interface Unstaging {
  /** The staging path; undefined where not even its directory is there. */
  readonly place: Place | undefined;
  readonly signal: AbortSignal;
}

/** Volumes of a backend on this node. */
export interface NodeSide {
  /** A volume that is not in the catalog, by its context alone. @throws GrpcError INVALID_ARGUMENT – it cannot be one. */
  adopt?(id: string, volumeContext: Readonly<Record<string, string>>): VolumeSpec;
  /** Takes mounts of the volume off the place that answer nothing any more, since what served them died. */
  takeAwayDead?(id: string, place: Place): void;
  /** Whether the volume's mount of this device answers nothing any more, since what served it died; absent where nothing can. */
  isDead?(id: string, device: string): boolean;
  /** A volume that is staged here and may not be in the catalog. */
  findStaged?(id: string): VolumeSpec | undefined;
  /** Mount options that every mount of a volume begins with. */
  readonly baseOptions: readonly string[];
  /** The volume a line of the mount table shows, also a deleted one's; undefined where it is none of this backend. */
  volumeOf(mount: MountInfo): string | undefined;
  /** How to know the volume by what statx says of a mount. @throws KernelError ENOENT – its data is not there. */
  recognizer(id: string): (facts: PathFacts) => boolean;
  /** Shows the volume at the place, or makes its device ready. The services saw that nothing is mounted there. */
  stage(request: StageRequest, signal: AbortSignal): Promise<void>;
  /** Undoes that; `unmount` takes the staging mounts off, where there are any. */
  unstage(id: string, unmount: () => void, at: Unstaging): Promise<void>;
  /** Nothing is to use the volume any more: ends what is left of an earlier use. Absent where nothing can be. */
  retire?(id: string): Promise<void>;
  /** A handle to the block device. @throws GrpcError FAILED_PRECONDITION – it is not staged. */
  device?(id: string, readOnly: boolean): Fd;
  /** Ends what a crash left standing still. @returns the mount points. */
  thawAll?(): Promise<string[]>;
  /** Makes what is staged as large as the volume has become. */
  expand(volume: VolumeSpec, signal: AbortSignal): Promise<void>;
  /** Gives what a volume of a server holds to a group. One that has it already costs a look. */
  giveToGroup?(volume: VolumeSpec, group: number, signal: AbortSignal): Promise<void>;
  /** @throws GrpcError UNAVAILABLE – counting takes longer than a caller should wait; ask again. */
  usage(volume: VolumeSpec, mounted: Fd, signal: AbortSignal): Promise<VolumeUsage>;
}
