import type { DatabaseSync } from 'node:sqlite';

interface Pending {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** Writes that arrive in one turn of the event loop share one transaction, and so one fsync. */
export class GroupCommit {
  readonly #database: DatabaseSync;
  #pending: Pending[] = [];
  #count = 0;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Grows as a transaction begins and ends, also one that fails: what was read before may have changed since. */
  get count(): number {
    return this.#count;
  }

  /** Resolves with what `work` returned when that is on disk. `work` must be synchronous and a single statement. */
  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#pending.length === 0) setImmediate(() => this.#flush());
      this.#pending.push({ work, resolve: resolve as (value: unknown) => void, reject });
    });
  }

  #flush(): void {
    const batch = this.#pending;
    this.#pending = [];
    this.#count++;
    const answers: (() => void)[] = [];
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      for (const entry of batch) answers.push(this.#attempt(entry));
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      for (const { reject } of batch) reject(error);
      return;
    } finally {
      this.#count++;
    }
    for (const answer of answers) answer();
  }

  /** A statement that fails undoes itself alone, unless SQLite ended the whole transaction (a full disk). */
  #attempt({ work, resolve, reject }: Pending): () => void {
    try {
      const value = work();
      return () => resolve(value);
    } catch (error) {
      if (!this.#database.isTransaction) throw error;
      return () => reject(error);
    }
  }
}
