import { type Clock, type Logger, messageOf, startTask } from '@berth/kit';
import type { Backends } from '../backend/backends.ts';
import type { Pool } from '../backend/pool.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { measure } from './accounts.ts';

export interface SampleUsageOptions {
  readonly catalog: Catalog;
  readonly backends: Backends;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Measured before the first call: a look costs some microseconds. */
const atStart = 1000;
const batch = 200;
/** Between two batches: in the first round, and later. A thousand volumes are never looked at more than once a minute. */
const firstPauseMs = 20;
const pauseMs = 12_000;

/**
 * Keeps what volumes use on the disk known to their pools, a few at a time, so that accounting never scans. What is not
 * measured yet counts as unused: a pool rather promises less.
 */
export function sampleUsage(options: SampleUsageOptions): AsyncDisposable {
  const { backends, clock, log } = options;
  for (const pool of backends.pools) sample(options, pool, atStart);
  const signal = new AbortController().signal;
  const run = async (stop: AbortSignal) => {
    const largest = () => Math.max(0, ...backends.pools.map(({ ledger }) => ledger.size));
    for (let round = atStart; ; round += batch) {
      await clock.sleep(round < largest() ? firstPauseMs : pauseMs, stop);
      for (const pool of backends.pools) sample(options, pool, batch);
    }
  };
  return startTask('what volumes use', run, { log, signal });
}

/** The longest unmeasured come first. */
function sample({ catalog, backends, log }: SampleUsageOptions, { ledger, name }: Pool, count: number): void {
  try {
    for (const id of ledger.next(count)) {
      const record = catalog.find(id) ?? catalog.trashed.find(id);
      const placement = record && backends.find(record);
      if (placement) measure(placement, id);
    }
  } catch (error) {
    log.warn('cannot measure what volumes use', { pool: name, reason: messageOf(error) });
  }
}
