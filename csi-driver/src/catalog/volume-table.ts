import { type Connection, RecordTable } from './record-table.ts';
import { Settled } from './settled.ts';
import { type NewVolume, type VolumeRecord, volumeCodec } from './volume-record.ts';

/** How the data of a volume comes and goes. Both can be repeated. */
export interface Making {
  readonly make: () => Promise<unknown>;
  readonly unmake: () => Promise<void>;
}

/** Which volumes exist, and which of them were surely made. */
export class VolumeTable extends RecordTable<VolumeRecord> {
  readonly #settled: Settled;
  readonly #settledBefore: number;

  constructor(connection: Connection) {
    super(connection, volumeCodec);
    this.#settled = new Settled(connection.database, this.lastSequence());
    this.#settledBefore = this.#settled.written;
  }

  /**
   * Writes a volume down as ready while `make` makes it, which shows it whole or not at all: what the two cost the disk
   * they cost side by side. Where one fails, both are taken back.
   * @throws what `make` throws; CatalogError.
   */
  async add(volume: NewVolume, { make, unmake }: Making): Promise<VolumeRecord> {
    const open = (sequence: number) => this.#settled.given(sequence, { open: true });
    const [written, made] = await Promise.allSettled([this.insert({ ...volume, state: 'ready' }, open), make()]);
    if (written.status === 'fulfilled' && made.status === 'fulfilled') {
      this.settle(written.value);
      return written.value;
    }
    try {
      await unmake();
      if (written.status === 'fulfilled') await this.remove(volume.id);
    } catch {
      // Not settled: the next try makes it, and a start removes it.
    }
    throw written.status === 'rejected' ? written.reason : (made as PromiseRejectedResult).reason;
  }

  /** False for a record whose data may not be there: {@link add} failed, and could not take the record back. */
  isMade({ sequence }: VolumeRecord): boolean {
    return !this.#settled.isOpen(sequence);
  }

  /** The data of a record is there. */
  settle({ sequence }: VolumeRecord): void {
    this.#settled.close(sequence);
  }

  /** Those that {@link mayLackData}: few, the last ones. */
  unsettled(): VolumeRecord[] {
    return this.listAfter(this.#settledBefore).filter((volume) => this.mayLackData(volume));
  }

  /** True where the process before may have ended between the record and its data: without data it was never acknowledged. */
  mayLackData({ sequence, state }: VolumeRecord): boolean {
    return state === 'ready' && sequence > this.#settledBefore;
  }

  override async begin(volume: NewVolume): Promise<VolumeRecord> {
    const closed = (sequence: number) => this.#settled.given(sequence, { open: false });
    return await this.insert({ ...volume, state: 'creating' }, closed);
  }

  override async adopt(volume: NewVolume): Promise<VolumeRecord> {
    const { sequence: _sequence, ...fields } = volume as VolumeRecord;
    const closed = (sequence: number) => this.#settled.given(sequence, { open: false });
    return await this.insert({ ...fields, state: 'ready' }, closed);
  }

  override async remove(id: string): Promise<void> {
    const volume = this.find(id);
    await super.remove(id);
    if (volume) this.settle(volume);
  }

  protected override async write<T>(work: () => T): Promise<T> {
    return await super.write(() => {
      this.#settled.write();
      return work();
    });
  }

  [Symbol.dispose](): void {
    try {
      this.#settled.write();
    } catch {
      // The disk is full: the next start looks whether the data of the last volumes is there.
    }
    this.connection.database.close();
  }
}
