import { BusyError, type Clock, type Guard, type Logger, messageOf } from '@berth/kit';
import type { Backends } from '../backend/backends.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { TrashedRecord } from '../catalog/trash-table.ts';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import { release } from './accounts.ts';

export interface TrashBinOptions {
  readonly catalog: Catalog;
  readonly backends: Backends;
  readonly guard: Guard;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Looked for at least this often: the machine's clock may be set meanwhile. */
const longestWaitMs = 3_600_000;
/** What could not be removed is tried again after this. */
const retryMs = 60_000;
const batch = 100;

/** Keeps deleted volumes until their time is over. A start takes up where the last process ended. */
export class TrashBin implements AsyncDisposable {
  readonly #options: TrashBinOptions;
  #timer: Disposable | undefined;
  #running: Promise<void> | undefined;
  #notBefore = 0;
  #closed = false;

  constructor(options: TrashBinOptions) {
    this.#options = options;
    this.#arm();
  }

  /** Puts a volume in, in one step. Nothing uses it; its data stays where it is, and counts against its pool. */
  async put(volume: VolumeRecord, ttlMs: number): Promise<void> {
    const { catalog, clock, log } = this.#options;
    const trashedAtMs = clock.now();
    const { expiresAtMs } = await catalog.trashed.put(volume, { trashedAtMs, expiresAtMs: trashedAtMs + ttlMs });
    log.info('volume deleted; kept in the trash', { volume: volume.id, until: new Date(expiresAtMs).toISOString() });
    this.#arm();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.[Symbol.dispose]();
    await this.#running;
  }

  #arm(): void {
    this.#timer?.[Symbol.dispose]();
    if (this.#closed || this.#running) return;
    const { catalog, clock } = this.#options;
    const next = catalog.trashed.nextExpiry();
    if (next === undefined) return;
    const waitMs = Math.max(next, this.#notBefore) - clock.now();
    this.#timer = clock.schedule(Math.min(Math.max(waitMs, 0), longestWaitMs), () => {
      this.#running = this.#empty().finally(() => {
        this.#running = undefined;
        this.#arm();
      });
    });
  }

  async #empty(): Promise<void> {
    const { catalog, clock, guard, log } = this.#options;
    for (const trashed of catalog.trashed.expired(clock.now(), batch)) {
      if (this.#closed) return;
      try {
        using _claim = guard.claim(trashed.id);
        // Another call may have had it meanwhile.
        const current = catalog.trashed.find(trashed.id);
        if (current) await removeTrashed(this.#options, current);
      } catch (error) {
        this.#notBefore = clock.now() + retryMs;
        if (error instanceof BusyError) continue;
        log.warn('a deleted volume stays in the trash', { volume: trashed.id, reason: messageOf(error) });
      }
    }
  }
}

/** Removes a deleted volume for good. Each step can be repeated: a crash between two of them is finished later. */
async function removeTrashed({ catalog, backends, log }: TrashBinOptions, trashed: TrashedRecord): Promise<void> {
  const backend = backends.of(trashed);
  if (trashed.state === 'ready') await catalog.trashed.update(trashed, { state: 'deleting' });
  await backend.delete({ kind: 'volume', id: trashed.id });
  await catalog.trashed.remove(trashed.id);
  release(backends, trashed);
  log.info('volume removed from the trash', { volume: trashed.id });
}
