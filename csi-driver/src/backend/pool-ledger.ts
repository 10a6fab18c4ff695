/**
 * What a pool owes a volume. `full`: all of its size, also what it has not used yet. `thin`: its size, as long as not all
 * fill up: promised up to the pool's over-commit. `none`: nothing is kept; only a limit of the pool counts its size.
 */
export type Commitment = 'full' | 'thin' | 'none';

/** A volume as the ledger counts it. */
export interface Claim {
  readonly id: string;
  readonly commitment: Commitment;
  readonly bytes: number;
}

/** The filesystem below pools; those that share one share its promises. */
export class DiskAccount {
  /** What `full` volumes were promised and do not use yet. */
  unused = 0;
  readonly #freeBytes: () => number;

  /** `freeBytes` is asked at each look: others may use the filesystem too. */
  constructor(freeBytes: () => number) {
    this.#freeBytes = freeBytes;
  }

  get freeBytes(): number {
    return this.#freeBytes();
  }
}

export interface LedgerOptions {
  readonly limitBytes?: number | undefined;
  readonly overcommit: number;
  readonly disk: DiskAccount;
  /** Asked at each look, too: a filesystem that meets errors may make itself read-only. */
  readonly isReadOnly?: () => boolean;
}

const readOnlyReason =
  'its filesystem is mounted read-only, as the kernel does where it meets errors; check it, and mount it read-write';

interface Entry {
  readonly commitment: Commitment;
  readonly bytes: number;
  readonly used: number;
}

/** Why a claim does not fit, with the numbers. */
export interface Refusal {
  readonly availableBytes: number;
  readonly reason: string;
}

/**
 * What a pool has promised, kept as sums: each call costs the same with ten volumes as with a hundred thousand.
 * Everything here is synchronous, so that two creates at once cannot pass a limit together.
 */
export class PoolLedger {
  readonly #options: LedgerOptions;
  /** Volumes with a promise on disk; of the others the sum is enough. */
  readonly #entries = new Map<string, Entry>();
  readonly #promised: Record<Commitment, number> = { full: 0, thin: 0, none: 0 };
  #thinUsed = 0;
  /** Snapshots grow no more, and what they take is no longer free: only a limit of the pool counts their sizes. */
  readonly #snapshots: Record<'thin' | 'whole', number> = { thin: 0, whole: 0 };

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Counts a volume that is there already, whether it fits or not. */
  add({ id, commitment, bytes }: Claim, used = 0): void {
    this.#promised[commitment] += bytes;
    if (commitment !== 'none') this.#count(id, { commitment, bytes, used });
  }

  /** Takes room for a new volume. @returns why not, where it has not enough. */
  reserve(claim: Claim): Refusal | undefined {
    const refusal = this.#refusal(claim.commitment, claim.bytes);
    if (!refusal) this.add(claim);
    return refusal;
  }

  /** Takes room for the growth of a volume, or gives back that of its shrinking. */
  resize(claim: Claim, bytes: number): Refusal | undefined {
    const refusal = bytes > claim.bytes ? this.#refusal(claim.commitment, bytes - claim.bytes) : undefined;
    if (refusal) return refusal;
    const used = this.#entries.get(claim.id)?.used ?? 0;
    this.release(claim);
    this.add({ ...claim, bytes }, used);
    return undefined;
  }

  /** Gives back what the volume had. To be called once for each `add` or `reserve`. */
  release({ id, commitment, bytes }: Claim): void {
    this.#promised[commitment] -= bytes;
    if (commitment !== 'none') this.#uncount(id);
  }

  /** Counts snapshots that are there already; a negative number gives back what they had. */
  addSnapshots(of: Commitment, bytes: number): void {
    this.#snapshots[of === 'thin' ? 'thin' : 'whole'] += bytes;
  }

  /** Takes room for a snapshot of such a volume below the pool's limit. @returns why not, where there is not enough. */
  reserveSnapshot(of: Commitment, bytes: number): Refusal | undefined {
    if (this.#isReadOnly()) return { availableBytes: 0, reason: readOnlyReason };
    const availableBytes = Math.max(0, Math.floor(this.#byLimit(of)));
    if (bytes > availableBytes) return { availableBytes, reason: this.#limitReason() };
    this.addSnapshots(of, bytes);
    return undefined;
  }

  /** Says what a volume takes on the disk now. */
  measured(id: string, used: number): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    // It comes last then.
    this.#uncount(id);
    this.#count(id, { ...entry, used });
  }

  /** How many volumes there are whose use matters. */
  get size(): number {
    return this.#entries.size;
  }

  /** Some of their ids; those come first that were not measured for longest. */
  next(count: number): string[] {
    return this.#entries.keys().take(count).toArray();
  }

  /** The largest volume of this kind that can be had now. */
  available(commitment: Commitment): number {
    if (this.#isReadOnly()) return 0;
    return Math.max(0, Math.floor(Math.min(this.onDisk(commitment), this.#byLimit(commitment))));
  }

  /** The same by the filesystem alone, without the pool's limit; not above 0 where it is promised out. */
  onDisk(commitment: Commitment): number {
    const { disk, overcommit } = this.#options;
    const free = disk.freeBytes - disk.unused;
    return commitment === 'thin' ? overcommit * (free + this.#thinUsed) - this.#promised.thin : free;
  }

  #refusal(commitment: Commitment, bytes: number): Refusal | undefined {
    const availableBytes = this.available(commitment);
    if (bytes <= availableBytes) return undefined;
    return { availableBytes, reason: this.#isReadOnly() ? readOnlyReason : this.#reason(commitment) };
  }

  #isReadOnly(): boolean {
    return this.#options.isReadOnly?.() === true;
  }

  #byLimit(commitment: Commitment): number {
    const { limitBytes, overcommit } = this.#options;
    if (limitBytes === undefined) return Number.POSITIVE_INFINITY;
    const { full, none } = this.#promised;
    const whole = full + none + this.#snapshots.whole;
    const thin = this.#promised.thin + this.#snapshots.thin;
    return commitment === 'thin' ? overcommit * (limitBytes - whole) - thin : limitBytes - whole - thin / overcommit;
  }

  #limitReason(): string {
    const { limitBytes, overcommit } = this.#options;
    const { full, thin, none } = this.#promised;
    const snapshots = this.#snapshots.whole + this.#snapshots.thin;
    const withSnapshots = snapshots === 0 ? '' : `, and ${snapshots} are in snapshots`;
    return (
      `its limit is ${limitBytes} bytes, of which ${full + none} are promised in full and ${thin} thin ` +
      `(over-commit ${overcommit})${withSnapshots}; delete volumes${snapshots === 0 ? '' : ' or snapshots'} or raise limit= of --pool`
    );
  }

  #reason(commitment: Commitment): string {
    const { limitBytes, overcommit, disk } = this.#options;
    const { thin } = this.#promised;
    if (limitBytes !== undefined && this.#byLimit(commitment) <= this.onDisk(commitment)) return this.#limitReason();
    const free = `${disk.freeBytes} bytes are free, ${disk.unused} of them promised to other volumes`;
    if (commitment !== 'thin') return `${free}; delete volumes or add room`;
    return `${free}, and thin volumes have ${thin} promised with an over-commit of ${overcommit}; delete volumes, add room, or raise overcommit= of --pool`;
  }

  #count(id: string, entry: Entry): void {
    this.#entries.set(id, entry);
    if (entry.commitment === 'full') this.#options.disk.unused += Math.max(0, entry.bytes - entry.used);
    else this.#thinUsed += entry.used;
  }

  #uncount(id: string): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    if (entry.commitment === 'full') this.#options.disk.unused -= Math.max(0, entry.bytes - entry.used);
    else this.#thinUsed -= entry.used;
  }
}
