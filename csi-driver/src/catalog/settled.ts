import type { DatabaseSync, StatementSync } from 'node:sqlite';

/**
 * Which volumes written down as ready were surely made. A record and its data go to the disk side by side, so that a
 * crash can leave the record alone. Each later write says, at no cost of its own, up to which sequence that is out of the
 * question: above it a record without data was never acknowledged, below it data was lost.
 */
export class Settled {
  readonly #read: StatementSync;
  readonly #write: StatementSync;
  /** In the order they were given, which is their own: the first is the lowest. */
  readonly #open = new Set<number>();
  #last: number;
  #written: number;

  /** `last` is the highest sequence given so far. */
  constructor(database: DatabaseSync, last: number) {
    this.#read = database.prepare('SELECT sequence FROM settled');
    this.#write = database.prepare('UPDATE settled SET sequence = ?');
    this.#last = last;
    this.#written = Number(this.#read.get()?.['sequence'] ?? 0);
  }

  /** Up to here every ready record was acknowledged, or could have been: as the last process wrote it. */
  get written(): number {
    return this.#written;
  }

  /** Called inside a transaction, before its own statement; costs the same however many are open. */
  write(): void {
    const [first] = this.#open;
    const settled = first === undefined ? this.#last : first - 1;
    if (settled === this.#written) return;
    this.#write.run(settled);
    this.#written = settled;
  }

  /** A record was inserted; with `open`, its data is still being made. */
  given(sequence: number, { open }: { readonly open: boolean }): void {
    // Given a second time: what had it, and what came after, was rolled back.
    if (sequence <= this.#last) for (const other of this.#open) if (other >= sequence) this.#open.delete(other);
    this.#last = sequence;
    if (open) this.#open.add(sequence);
  }

  isOpen(sequence: number): boolean {
    return this.#open.has(sequence);
  }

  /** Record and data are on disk, or the record is gone. */
  close(sequence: number): void {
    this.#open.delete(sequence);
  }
}
