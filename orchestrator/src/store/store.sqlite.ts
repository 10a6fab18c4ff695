import { stat } from 'node:fs/promises';
import { type Clock, type Logger, silentLogger } from '@berth/kit';
import { encodeEnd, encodeRows } from './backup-stream.ts';
import { CommitQueue, type DurableChange } from './commit-queue.ts';
import { DiskHealth } from './disk-health.ts';
import { Expiries } from './expiries.ts';
import { KeySpace } from './key-space.ts';
import { packWhenQuiet } from './pack-when-quiet.ts';
import type { QuietMoments } from './quiet-moments.ts';
import { rangeFromDisk, readStep } from './range-from-disk.ts';
import type { ReadStep, WrittenRow } from './sqlite-protocol.ts';
import { SqliteThread } from './sqlite-thread.ts';
import type { KeyValue, RangeRequest, RangeResult, Store, StoreEvent, WriteRequest, WriteResult } from './store.ts';
import { StoreError } from './store-error.ts';
import { windowLimits } from './window-limits.ts';

/** Longer than the steps between the writes of one piece of work, too short for anyone who reads events to notice. */
const eventPatienceMs = 10;

/** A key whose time came while the disk took no deletion is tried again after this long. */
const expireAgainMs = 10_000;

/** What a compaction step takes away, of which each page is overwritten: some milliseconds of the store's thread, between two commits. */
const compactionStep: ReadStep = { limit: 200, bytes: 2 ** 20 };
/** Nobody waits at a start but who starts it. */
const loadStep: ReadStep = { limit: 2_000, bytes: 4 * 2 ** 20 };
/** How long a backup waits for its reader while nothing is compacted. */
const copyPatienceMs = 60_000;

interface StoreParts {
  readonly file: string;
  readonly thread: SqliteThread;
  readonly space: KeySpace;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The embedded store: SQLite in a thread of its own, WAL, `synchronous=FULL`; concurrent writes share a commit.
 * The newest state is in memory, so reads of it cost no disk and no thread.
 * @throws StoreError Locked, Corrupt – from {@link openSqliteStore}.
 */
class SqliteStore implements Store {
  readonly #file: string;
  readonly #thread: SqliteThread;
  readonly #space: KeySpace;
  readonly #clock: Clock;
  readonly #health: DiskHealth;
  readonly #expiries: Expiries;
  readonly #queue: CommitQueue;
  readonly #tidying: QuietMoments;
  /** The last compaction or backup, done or failed. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Ends that of a backup. */
  #endTurn: () => void = () => undefined;
  #closed = false;

  constructor({ file, thread, space, clock, log }: StoreParts) {
    this.#file = file;
    this.#thread = thread;
    this.#space = space;
    this.#clock = clock;
    this.#health = new DiskHealth({ file, log, commitNothing: () => thread.ask({ op: 'commit', rows: [] }) });
    this.#expiries = new Expiries(clock, (key) => this.#expire(key));
    this.#queue = new CommitQueue({
      space,
      commit: (changes) => this.#health.note(bytesOf(changes), thread.ask({ op: 'commit', rows: changes.map(rowOf) })),
      clock,
      patienceMs: eventPatienceMs,
      onApplied: (changes) => {
        this.expireAt(changes);
        this.#tidying.worked(changes.length);
      },
    });
    // The file is as it is; where the disk fails, the next write says so.
    const andThen = () => thread.ask({ op: 'shrinkCache' }).catch(() => undefined);
    this.#tidying = packWhenQuiet({ clock, space: () => space, andThen });
  }

  get revision(): number {
    return this.#space.revision;
  }

  async get(key: string, notOlderThan = 0): Promise<KeyValue | undefined> {
    this.#checkOpen();
    if (notOlderThan > this.#space.revision) this.#space.checkReadable(notOlderThan);
    return this.#space.get(key);
  }

  mayHave(prefix: string): boolean {
    return this.#space.mayHave(prefix);
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    this.#checkOpen();
    const revision = request.revision ?? Math.max(request.notOlderThan ?? 0, this.#space.revision);
    this.#space.checkReadable(revision);
    if (revision >= this.#space.windowStart) return this.#space.range(request);
    return rangeFromDisk({ thread: this.#thread, space: this.#space }, { ...request, revision });
  }

  write(request: WriteRequest): Promise<WriteResult> {
    const { value } = request;
    // A view of a larger buffer would be copied whole to the store's thread.
    if (!value || value.byteLength === value.buffer.byteLength) return this.#queue.write(request);
    return this.#queue.write({ ...request, value: new Uint8Array(value) });
  }

  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<readonly StoreEvent[]> {
    this.#checkOpen();
    return this.#space.watch(prefix, after, signal);
  }

  compact(revision: number): Promise<void> {
    this.#checkOpen();
    this.#space.checkReadable(revision);
    this.#space.compact(revision);
    return this.#inTurn(() => this.#compactOnDisk(revision));
  }

  /** With what is still in the write-ahead log. */
  async sizeBytes(): Promise<number> {
    const sizes = [this.#file, `${this.#file}-wal`].map(
      async (file) => (await stat(file).catch(() => undefined))?.size,
    );
    return (await Promise.all(sizes)).reduce<number>((sum, size) => sum + (size ?? 0), 0);
  }

  backup(): AsyncIterable<Uint8Array> {
    this.#checkOpen();
    return this.#copy();
  }

  check(): Promise<void> {
    return this.#health.check();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#expiries[Symbol.dispose]();
    this.#tidying[Symbol.dispose]();
    await this.#queue.close();
    this.#endTurn();
    await this.#turn;
    this.#space.close();
    await this.#thread[Symbol.asyncDispose]();
  }

  expireAt(changes: readonly Pick<DurableChange, 'key' | 'expiresAt'>[]): void {
    for (const { key, expiresAt } of changes) this.#expiries.set(key, expiresAt);
  }

  /** Rows were read: as much was done as if they had been written. */
  loaded(rows: number): void {
    this.#tidying.worked(rows);
  }

  /** One after the other: compaction takes away what a copy has not come to yet. One that fails is no concern of the next. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(run);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** Each step is one short transaction, queued behind the commits that came before it. */
  async #compactOnDisk(target: number): Promise<void> {
    while (!this.#closed) {
      const reached = await this.#thread.ask({ op: 'compact', target, step: compactionStep });
      if (reached >= target) return;
    }
  }

  /** Rows as they are read: it takes no room on the disk. */
  async *#copy(): AsyncGenerator<Uint8Array> {
    // Compaction takes away what a copy has not come to yet.
    using turn = await this.#ownTurn();
    const { revision: target, compacted } = this.#space;
    for (let after = 0; after < target; ) {
      const rows = await this.#thread.ask({ op: 'load', after, step: readStep });
      after = rows.at(-1)?.revision ?? target;
      turn.check();
      {
        using _ = this.#clock.schedule(copyPatienceMs, () => turn[Symbol.dispose]());
        yield encodeRows(rows.filter(({ revision }) => revision <= target));
      }
      turn.check();
    }
    yield encodeEnd({ compacted });
  }

  /** Until it is disposed of, by whoever has it or as the store closes; then {@link check} throws. */
  async #ownTurn(): Promise<Disposable & { readonly check: () => void }> {
    const begun = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    let isOver = false;
    const end = () => {
      isOver = true;
      ended.resolve();
    };
    void this.#inTurn(() => {
      this.#endTurn = end;
      begun.resolve();
      return this.#closed ? Promise.resolve() : ended.promise;
    });
    await begun.promise;
    const check = () => {
      this.#checkOpen();
      if (isOver) throw new StoreError('Unavailable', 'the backup was read too slowly: nothing is compacted meanwhile');
    };
    check();
    return { check, [Symbol.dispose]: end };
  }

  #expire(key: string): void {
    const expected = this.#space.get(key)?.modRevision ?? 0;
    this.#queue.write({ key, expected }).catch(() => {
      // The disk is full, perhaps; a start finds the time passed, too. What was written meanwhile has a time of its own.
      const isStill = this.#space.get(key)?.modRevision === expected;
      if (isStill && !this.#closed) this.#expiries.set(key, this.#clock.now() + expireAgainMs);
    });
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreError('Closed', 'the store is closed');
  }
}

function bytesOf(changes: readonly DurableChange[]): number {
  return changes.reduce((sum, { value }) => sum + (value?.byteLength ?? 0), 0);
}

function rowOf({ revision, key, createRevision, expiresAt, value }: DurableChange): WrittenRow {
  return [revision, key, createRevision, expiresAt ?? null, value ?? null];
}

export interface SqliteStoreOptions {
  readonly file: string;
  readonly clock: Clock;
  /** Absent: nobody is told of a disk that fails but who writes. */
  readonly log?: Logger;
}

/**
 * Opens or creates the store in `file`, checks it and reads it into memory.
 * @throws StoreError Locked – another process has it open. Corrupt – with what to do.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { log = silentLogger } = options;
  const thread = new SqliteThread(options.file);
  try {
    const state = await thread.ask({ op: 'open', file: options.file });
    const space = new KeySpace({ limits: windowLimits, ...state });
    const store = new SqliteStore({ ...options, log, thread, space });
    for (let after = 0; ; ) {
      const rows = await thread.ask({ op: 'load', after, step: loadStep });
      space.load(rows.map((row) => ({ ...row, value: row.value ?? undefined })));
      store.expireAt(rows.map((row) => ({ key: row.key, expiresAt: row.expires ?? undefined })));
      store.loaded(rows.length);
      const last = rows.at(-1);
      if (!last) break;
      after = last.revision;
    }
    if (state.target > state.compacted) void store.compact(state.target).catch(() => undefined);
    return store;
  } catch (error) {
    await thread[Symbol.asyncDispose]();
    throw error;
  }
}
