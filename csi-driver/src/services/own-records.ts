import { type Clock, type Logger, messageOf, startTask } from '@berth/kit';
import type { Backends, Whereabouts } from '../backend/backends.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { type OwnRecord, sealRecord } from '../catalog/own-record.ts';

export interface OwnRecordsOptions {
  readonly catalog: Catalog;
  readonly backends: Backends;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Volumes of a driver from before there were such records get theirs in steps, so that calls go on. */
const batch = 100;
const pauseMs = 20;

const upkeep = 'own-records';

/**
 * Keeps what each volume and snapshot says of itself as the catalog has it: after each change, and once for those that
 * were made before there were such records. The catalog is the truth; this is for the day it is lost.
 */
export function keepOwnRecords(options: OwnRecordsOptions): AsyncDisposable {
  const { catalog, log } = options;
  const put = (own: OwnRecord) => {
    try {
      putRecord(options.backends, own);
    } catch (error) {
      log.warn('the record beside the data is not up to date', { [own.kind]: own.record.id, reason: messageOf(error) });
    }
  };
  catalog.watch(put);
  const signal = new AbortController().signal;
  return startTask('records beside the data', (stop) => writeMissing(options, put, stop), { log, signal });
}

function putRecord(backends: Backends, own: OwnRecord): void {
  const { id } = own.record;
  const kind = own.kind === 'snapshot' ? 'snapshot' : 'volume';
  backends.find(own.record as Whereabouts)?.backend.putRecord?.({ kind, id }, sealRecord(own));
}

async function writeMissing(
  { catalog, clock }: OwnRecordsOptions,
  put: (own: OwnRecord) => void,
  stop: AbortSignal,
): Promise<void> {
  if (catalog.isDone(upkeep)) return;
  for (const table of [catalog, catalog.trashed, catalog.snapshots] as const) {
    for (let after = 0; ; ) {
      const page = table.listAfter(after, batch);
      if (page.length === 0) break;
      for (const record of page) {
        if (record.state === 'ready') put({ kind: table.kind, record } as unknown as OwnRecord);
        after = record.sequence;
      }
      await clock.sleep(pauseMs, stop);
    }
  }
  await catalog.markDone(upkeep);
}
