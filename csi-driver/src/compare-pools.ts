import { startTask } from '@berth/kit';
import { isErrno } from '@berth/linux';
import type { Stored } from './backend/backend.ts';
import type { Placement, Whereabouts } from './backend/backends.ts';
import type { Recovery } from './recover.ts';
import { release } from './services/accounts.ts';

/** Up to so many volumes and snapshots are compared before the first call; more of them meanwhile. */
const atOnce = 5000;
/** Looked at in one go: a call that comes meanwhile waits for no more. */
const batch = 20;
/** Then calls have the process for several times as long as a batch took. */
const pauseMs = 2;

const noSignal = new AbortController().signal;

/** Between two batches. */
type Pause = () => Promise<void> | undefined;

/** What there is below the pools: listed before the first call, so that nothing of what calls make is in it. */
interface Listing {
  readonly places: readonly { readonly placement: Placement; readonly stored: readonly Stored[] }[];
  /** Volumes and snapshots above these were made since. */
  readonly last: Readonly<Record<Stored['kind'], number>>;
}

/**
 * Compares the pools with the catalog, both ways. What may never have been acknowledged is undone before this returns; for
 * the rest, of many, the first calls do not wait.
 */
export async function comparePools(recovery: Recovery): Promise<AsyncDisposable> {
  const listing = list(recovery);
  await undoUnacknowledged(recovery, listing);
  const compare = async (pause: Pause) => {
    await lookAtData(recovery, listing, pause);
    await lookAtRecords(recovery, listing, pause);
  };
  if (listing.places.reduce((sum, { stored }) => sum + stored.length, 0) > atOnce) {
    const gently = (signal: AbortSignal) => compare(() => recovery.clock.sleep(pauseMs, signal));
    return startTask('comparing pools and catalog', gently, { log: recovery.log, signal: noSignal });
  }
  await compare(() => undefined);
  return { [Symbol.asyncDispose]: async () => undefined };
}

function list({ catalog, backends }: Recovery): Listing {
  const last = { volume: catalog.lastSequence(), snapshot: catalog.snapshots.lastSequence() };
  return { last, places: backends.placements.map((placement) => ({ placement, stored: placement.backend.present() })) };
}

/** Tells whether there is data; what it takes to tell is made when it is first asked. */
function knowing({ places }: Listing): (placement: Placement, kind: Stored['kind'], id: string) => boolean {
  const made = new Map<string, Set<string>>();
  const idsOf = (placement: Placement, kind: Stored['kind']) => {
    const stored = places.find((one) => one.placement === placement)?.stored ?? [];
    return new Set(stored.flatMap((one) => (one.kind === kind ? [one.id] : [])));
  };
  return (placement, kind, id) => {
    const key = `${kind} ${placement.backend.name} ${placement.pool?.name}`;
    const ids = made.get(key) ?? idsOf(placement, kind);
    made.set(key, ids);
    return ids.has(id);
  };
}

/** A record whose data did not come to be: only the last ones can be such. */
async function undoUnacknowledged({ catalog, backends, log }: Recovery, listing: Listing): Promise<void> {
  const isThere = knowing(listing);
  for (const volume of catalog.unsettled()) {
    const placement = backends.find(volume);
    if (!placement || placement.backend.remote || isThere(placement, 'volume', volume.id)) continue;
    log.info('undoing a half-made volume', { volume: volume.id });
    await catalog.remove(volume.id);
    release(backends, volume);
  }
}

/** Data without a record. */
async function lookAtData(recovery: Recovery, { places }: Listing, pause: Pause): Promise<void> {
  for (const place of places) {
    for (let at = 0; at < place.stored.length; at += batch) {
      for (const stored of place.stored.slice(at, at + batch)) await lookAt(recovery, place.placement, stored);
      await pause();
    }
  }
}

async function lookAt({ catalog, log }: Recovery, placement: Placement, stored: Stored): Promise<void> {
  const { kind, id } = stored;
  const isKnown = kind === 'snapshot' ? catalog.snapshots.has(id) : catalog.has(id) || catalog.trashed.has(id);
  if (isKnown) return;
  const { backend, pool } = placement;
  const fields = { backend: backend.name, pool: pool?.name, [kind]: id };
  const isRemoved = await removeUnused(placement, stored);
  if (isRemoved) log.info('removed an empty volume that has no record', fields);
  else if (isRemoved === false) log.warn('the pool holds what the catalog does not know; left as it is', fields);
}

/** @returns undefined where it was deleted meanwhile. */
async function removeUnused({ backend }: Placement, stored: Stored): Promise<boolean | undefined> {
  try {
    return (await backend.removeUnused?.(stored)) ?? false;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Records without data. */
async function lookAtRecords(recovery: Recovery, listing: Listing, pause: Pause): Promise<void> {
  const { catalog, backends, log } = recovery;
  const { last } = listing;
  const isThere = knowing(listing);
  const tables = [
    { table: catalog, kind: 'volume' },
    { table: catalog.trashed, kind: 'volume' },
    { table: catalog.snapshots, kind: 'snapshot' },
  ] as const;
  for (const { table, kind } of tables) {
    for (let after = 0; ; await pause()) {
      const page: readonly (Whereabouts & { readonly sequence: number })[] = table.listAfter(after, batch);
      for (const { sequence, ...record } of page) {
        after = sequence;
        const placement = backends.find(record);
        if (!placement || placement.backend.remote || sequence > last[kind]) continue;
        if (!isThere(placement, kind, record.id))
          log.error(`the data of a ${kind} is missing from the pool`, { [kind]: record.id });
      }
      if (page.length < batch) break;
    }
  }
}
