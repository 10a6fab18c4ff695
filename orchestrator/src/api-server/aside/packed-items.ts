import type { KeyValue, StoreEvent } from '../../store/store.ts';
import type { PackedEvents, PackedItems, PackedRow } from './aside-protocol.ts';

/** Items as one piece of memory, which goes to the thread without being copied again. */
export function packItems(items: readonly KeyValue[], isStale: (item: KeyValue) => boolean): PackedItems {
  const bytes = new Uint8Array(items.reduce((sum, { value }) => sum + value.length, 0));
  let at = 0;
  const rows = items.map((item): PackedRow => {
    const { key, value, createRevision, modRevision } = item;
    const from = at;
    bytes.set(value, from);
    at += value.length;
    return { key, createRevision, modRevision, from, to: at, stale: isStale(item) };
  });
  return { bytes, rows };
}

export function unpackItems({ bytes, rows }: PackedItems, noteStale: (item: KeyValue) => void): KeyValue[] {
  return rows.map(({ key, createRevision, modRevision, from, to, stale }) => {
    const item: KeyValue = { key, createRevision, modRevision, value: bytes.subarray(from, to) };
    if (stale) noteStale(item);
    return item;
  });
}

const never = () => false;

export function packEvents(events: readonly StoreEvent[]): PackedEvents {
  const items: KeyValue[] = [];
  const place = (item: KeyValue | undefined) => (item ? items.push(item) - 1 : -1);
  const told = events.map(({ type, item, previous }) => ({ type, item: place(item), previous: place(previous) }));
  return { items: packItems(items, never), events: told };
}

export function unpackEvents({ items, events }: PackedEvents): StoreEvent[] {
  const all = unpackItems(items, () => undefined);
  return events.map(({ type, item, previous }) => ({ type, item: all[item] as KeyValue, previous: all[previous] }));
}
